using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Deliveries;

/// <summary>Deliveries in words.</summary>
internal static class DeliveryWords
{
    public static Text Form(string form) => form switch
    {
        "csv" => Text.Same("CSV"),
        "json" => Text.Same("JSON"),
        "ndjson" => Text.Same("NDJSON"),
        "file" => new("文件", "File"),
        "service" => new("服务接口调用", "Service call"),
        "preview" => new("预览", "Preview"),
        "changes" => new("定期交换", "Standing exchange"),
        _ => Text.Same(form),
    };

    public static (Text Word, string Tone) Outcome(string? outcome) => outcome switch
    {
        "complete" => (new("完整", "Complete"), "good"),
        "aborted" => (new("中断", "Broken off"), "bad"),
        "failed" => (new("失败", "Failed"), "bad"),
        _ => (new("进行中", "Under way"), "info"),
    };
}
