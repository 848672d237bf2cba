using Exchange.Hosting;

namespace Exchange.Catalogue.DataServices;

/// <summary>How a call to a department's interface is refused or fails. What the interface itself says of a failure is not passed on: it may say what is not granted.</summary>
internal static class ServiceRules
{
    public static readonly Rule NoService = new("no-service", StatusCodes.Status409Conflict, null,
        new("只有格式为 service 的目录可以登记服务接口。", "Only entries of format service have a service."),
        new("请修订目录的格式，或以数据行、文件方式提供。", "Revise the entry's format, or provide the data as rows or files."));

    public static readonly Rule NotAllowed = new("operation-not-allowed", StatusCodes.Status403Forbidden, "第22条",
        new("该授权不包括这一接口或参数。", "The grant does not cover this operation or one of its parameters."),
        new("可调用的接口与参数见该授权的 service；需要其他接口的，请与提供方联系。", "The grant's service names what can be called; for anything else ask the provider."));

    public static readonly Rule RequestType = new("request-type", StatusCodes.Status415UnsupportedMediaType, null,
        new("请求内容须为 application/json。", "A request's body is application/json."),
        new("请以 JSON 提交。", "Send JSON."));

    public static readonly Rule RequestTooLarge = new("too-large", StatusCodes.Status413PayloadTooLarge, null,
        new("请求内容超过接口允许的大小。", "The body is larger than the operation takes."),
        new("请缩小请求后重试。", "Send less."));

    public static readonly Rule NotFound = new("service-found-nothing", StatusCodes.Status404NotFound, null,
        new("接口没有找到所查询的内容。", "The service has nothing under this address."),
        new("请核对查询条件。", "Check what was asked for."));

    public static readonly Rule Declined = new("service-declined", StatusCodes.Status422UnprocessableEntity, null,
        new("接口不接受此请求。", "The service does not accept this request."),
        new("请按接口说明核对参数与内容。", "Check parameters and body against the service's description."));

    public static readonly Rule Failed = new("service-failed", StatusCodes.Status502BadGateway, "第22条",
        new("提供方的接口返回了不能转交的结果。", "The provider's service gave an answer that cannot be passed on."),
        new("请稍后重试；持续如此时请联系提供方的共享工作机构。", "Retry later; if it lasts, ask the provider's sharing office."));

    public static readonly Rule Silent = new("service-silent", StatusCodes.Status504GatewayTimeout, "第22条",
        new("提供方的接口没有在规定时间内应答。", "The provider's service did not answer in time."),
        new("请稍后重试；持续如此时请联系提供方的共享工作机构。", "Retry later; if it lasts, ask the provider's sharing office."));

    public static readonly Rule Resting = new("service-resting", StatusCodes.Status503ServiceUnavailable, "第22条",
        new("提供方的接口连续出错，暂停调用片刻。", "The provider's service failed several times in a row; it is left alone for a moment."),
        new("请在 Retry-After 之后重试。", "Retry after the time in Retry-After."));
}
