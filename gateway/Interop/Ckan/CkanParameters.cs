using System.Globalization;
using System.Text;
using System.Text.Json;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Exchange.Gateway.Interop.Ckan;

/// <summary>
/// What an action is called with. CKAN's clients send it in the query, as JSON with or without a content type, as a form, as JSON that calls itself a form, or send nothing at all;
/// a parameter in the body counts more than one in the query.
/// </summary>
internal sealed class CkanParameters
{
    private const int LargestBody = 256 << 10;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Dictionary<string, IReadOnlyList<string>> values = new(StringComparer.Ordinal);

    public static async Task<CkanParameters> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        var parameters = new CkanParameters();
        foreach (var (name, given) in request.Query)
        {
            parameters.values[name] = [.. given.OfType<string>()];
        }

        if (!HttpMethods.IsPost(request.Method))
        {
            return parameters;
        }

        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = LargestBody;
        }

        if (request.ContentType?.StartsWith("multipart/form-data", StringComparison.OrdinalIgnoreCase) == true)
        {
            parameters.Add(await request.ReadFormAsync(cancel));
            return parameters;
        }

        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, cancel);
        var text = Strict.GetString(body.GetBuffer(), 0, (int)body.Length).Trim();
        if (text.StartsWith('{') || text.StartsWith('['))
        {
            parameters.AddJson(text);
        }
        else if (text.Length > 0 && request.HasFormContentType && Uri.UnescapeDataString(text.Replace('+', ' ')).Trim().TrimEnd('=') is ['{', ..] json)
        {
            parameters.AddJson(json);
        }
        else if (text.Length > 0 && request.HasFormContentType)
        {
            parameters.Add(new FormCollection(QueryHelpers.ParseQuery(text)));
        }
        else if (text.Length > 0 && text != "null")
        {
            throw new CkanBadRequest("Bad request - JSON Error: Error decoding JSON data. The body is a JSON object or a form.");
        }

        return parameters;
    }

    /// <summary>Null when it is not there or empty.</summary>
    public string? Text(string name) => values.TryGetValue(name, out var given) && given is [.., { Length: > 0 } last] ? last : null;

    public string Required(params string[] names) => names.Select(Text).FirstOrDefault(value => value is not null) ?? throw CkanRefusal.Missing(names[0]);

    /// <summary>Several values: repeated, as a JSON list, or as a JSON list in a text, which is how CKAN takes them in a query.</summary>
    public IReadOnlyList<string> List(string name)
    {
        if (!values.TryGetValue(name, out var given))
        {
            return [];
        }

        if (given is not [['[', ..] text])
        {
            return given;
        }

        try
        {
            using var list = JsonDocument.Parse(text);
            return [.. list.RootElement.EnumerateArray().Select(Plain)];
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw CkanRefusal.Wrong(name, new("应为 JSON 列表。", "This is a JSON list"));
        }
    }

    public bool Flag(string name) => Text(name)?.ToLowerInvariant() is "true" or "1" or "yes" or "y" or "on" or "t";

    public int? Number(string name, int least = 0) => Text(name) is not { } text ? null
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= least ? number
        : throw CkanRefusal.Wrong(name, new($"应为不小于 {least} 的整数。", $"Must be an integer not below {least}"));

    private void Add(IFormCollection form)
    {
        foreach (var (name, given) in form)
        {
            values[name] = [.. given.OfType<string>()];
        }
    }

    private void AddJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 16 });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new CkanBadRequest("Bad request - JSON Error: Request data JSON decoded to a list but it needs to be a dictionary.");
            }

            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (member.Value.ValueKind != JsonValueKind.Null)
                {
                    values[member.Name] = member.Value.ValueKind == JsonValueKind.Array ? [.. member.Value.EnumerateArray().Select(Plain)] : [Plain(member.Value)];
                }
            }
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new CkanBadRequest("Bad request - JSON Error: Error decoding JSON data.");
        }
    }

    private static string Plain(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
}
