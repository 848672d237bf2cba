using Exchange.Hosting;

namespace Exchange.Gateway.Interop.Ckan;

/// <summary>An error as CKAN's clients know it: a kind with its own status, and either a message or the fields at fault.</summary>
internal sealed class CkanRefusal(int status, string kind, Text message, string? parameter = null) : Exception(message.En)
{
    public int Status => status;

    public string Kind => kind;

    public Text Told => message;

    /// <summary>The one at fault.</summary>
    public string? Parameter => parameter;

    public static CkanRefusal NotFound() => new(StatusCodes.Status404NotFound, "Not Found Error", new("没有找到，或您无权得知其是否存在。", "Not found"));

    public static CkanRefusal Wrong(string parameter, Text message) => new(StatusCodes.Status409Conflict, "Validation Error", message, parameter);

    public static CkanRefusal Missing(string parameter) => Wrong(parameter, new("缺少该参数。", "Missing value"));

    /// <summary>A token that is not valid: fewer entries without a word would be worse than a refusal.</summary>
    public static CkanRefusal Forbidden() => new(StatusCodes.Status403Forbidden, "Authorization Error", new("拒绝访问：令牌无效或已过期。", "Access denied: the token is not valid or has expired"));
}

/// <summary>A request that CKAN answers with a plain sentence instead of an envelope.</summary>
internal sealed class CkanBadRequest(string message, int status = StatusCodes.Status400BadRequest) : Exception(message)
{
    public int Status => status;
}
