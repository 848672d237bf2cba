using System.Security.Cryptography;
using System.Text;
using Exchange.Hosting;

namespace Exchange.Catalogue.Grants;

/// <summary>
/// 使用目的代码: stands for the words in which a purpose was agreed (使用场景), so that every call can state it in a header: the first 12 hexadecimal digits of SHA-256 over these words in UTF-8.
/// A program that states it was set up for this purpose. When another one is agreed (art. 25) the code changes, and nothing passes until it is stated anew.
/// </summary>
internal static class PurposeCode
{
    public const string Header = "Purpose";
    public const string Parameter = "purpose";

    private static readonly Rule NotGranted = new("purpose-not-granted", StatusCodes.Status403Forbidden, "第25条",
        new("所声明的使用目的不是该共享授权约定的目的。", "The purpose that the call states is not the one that was agreed for this grant."),
        new("约定的使用目的及其代码（purpose_code）见授权；改变用途须先征得提供方同意（变更申请）。", "See the grant for its purpose and purpose_code; another purpose needs the provider's consent first (a change of scope)."));

    public static string Of(string words) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(words)))[..12];

    /// <summary>Null when the call states the purpose of the grant.</summary>
    public static Refused? Check(HttpRequest request, Grant grant)
    {
        string[] stated = [.. request.Headers[Header].Concat(request.Query[Parameter]).OfType<string>().Distinct(StringComparer.Ordinal)];
        if (stated is not [{ Length: > 0 }])
        {
            var faults = new Faults();
            faults.Add(Parameter, stated.Length > 1 ? "twice" : "required", "第25条", stated.Length > 1
                ? new("只能声明一个使用目的。", "A call states one purpose.")
                : new($"请用请求头 {Header} 或参数 {Parameter} 声明使用目的，其值为授权的 purpose_code。", $"State the purpose with the header {Header} or the parameter {Parameter}: the grant's purpose_code."));
            return new Refused(faults);
        }

        return stated[0] == grant.PurposeCode ? null : new Refused(NotGranted);
    }
}
