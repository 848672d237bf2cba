using Exchange.Hosting;

namespace Exchange.Gateway.Portal;

/// <summary>How a data item may be treated before it leaves, in the words of people with an example. The list and what fits which type are the catalogue service's; it refuses what does not fit.</summary>
internal static class TreatmentWords
{
    /// <summary>Chosen for a number in bands; the width is asked for beside it.</summary>
    public const string Band = "generalised:band";

    private static readonly (string Word, string Types, Text Name)[] Known =
    [
        ("plain", "CNYDTLMGBIF", new("原样提供", "As it is")),
        ("masked", "CMGNI", new("全部隐去（***）", "All hidden (***)")),
        ("masked:name", "CMG", new("姓名隐去中间字（张*三）", "Name, middle hidden (张*三)")),
        ("masked:id_number", "CMGNI", new("证件号隐去出生日期段（430102********1234）", "ID number, birth date hidden (430102********1234)")),
        ("masked:phone", "CMGNI", new("电话隐去中间四位（138****5678）", "Phone, four digits hidden (138****5678)")),
        ("masked:address", "CMG", new("地址只留到区县（长沙市岳麓区****）", "Address down to the district (长沙市岳麓区****)")),
        ("masked:bank_card", "CMGNI", new("银行卡只留后四位（****1234）", "Bank card, last four digits (****1234)")),
        ("hashed", "CNYDTMGBIF", new("换成编码：可比对、不可还原", "Coded: can be compared, not read back")),
        ("generalised:month", "DT", new("日期只留到月（2026-03）", "Date as its month (2026-03)")),
        ("generalised:district", "CMG", new("地址概括为区县（岳麓区）", "Address as its district (岳麓区)")),
        (Band, "NYBIF", new("数值概括为区间（如 2000..3000）", "Number as a band (such as 2000..3000)")),
    ];

    /// <summary>Those that fit the guide's field type.</summary>
    public static IEnumerable<(string Word, Text Name)> For(string? type) => Known.Where(known => type is null || known.Types.Contains(type, StringComparison.Ordinal)).Select(known => (known.Word, known.Name));

    /// <summary>A treatment of the API in words.</summary>
    public static Text Name(string? word) => word switch
    {
        null => Known[0].Name,
        "dropped" => new("不提供", "Not given"),
        _ when word.StartsWith(Band + ":", StringComparison.Ordinal) => new($"数值概括为宽度 {word[(Band.Length + 1)..]} 的区间", $"Number in bands of {word[(Band.Length + 1)..]}"),
        _ => Array.Find(Known, known => known.Word == word).Name ?? Text.Same(word),
    };

    /// <summary>What to choose first: of personal information no more than is needed is seen (个人信息保护法 art. 6).</summary>
    public static string Suggest(FieldText field)
    {
        if (field.Personal != true)
        {
            return "plain";
        }

        var title = field.Title ?? "";
        var name = field.Name ?? "";
        var wanted = field.Type is "D" or "T" ? "generalised:month"
            : Says(title, name, ["姓名", "名字"], ["xm", "name"]) ? "masked:name"
            : Says(title, name, ["身份证", "身份号码", "证件号", "身份号"], ["sfz", "id_number", "idcard", "zjhm"]) ? "masked:id_number"
            : Says(title, name, ["电话", "手机", "联系方式"], ["phone", "mobile", "lxdh", "sjh"]) ? "masked:phone"
            : Says(title, name, ["地址", "住址", "居住地"], ["address", "dz"]) ? "masked:address"
            : Says(title, name, ["银行", "卡号"], ["bank", "card"]) ? "masked:bank_card"
            : "masked";
        return For(field.Type).Any(known => known.Word == wanted) ? wanted : field.Type == "L" ? "plain" : "hashed";
    }

    private static bool Says(string title, string name, string[] inTitle, string[] inName) =>
        Array.Exists(inTitle, word => title.Contains(word, StringComparison.Ordinal)) || Array.Exists(inName, word => name.Contains(word, StringComparison.Ordinal));
}
