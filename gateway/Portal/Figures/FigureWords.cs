using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Figures;

/// <summary>The figures in the words of people, each with what is counted, by which day, and the article it rests on; the definitions page is made of this.</summary>
internal static class FigureWords
{
    /// <summary>The clocks of the regulation's measures, in their order.</summary>
    public static readonly IReadOnlyList<string> Measures = ["reply", "delivery", "correction", "catalogue_update", "catalogue_review", "disposal"];

    private static readonly Dictionary<string, Text> Clocks = new(StringComparer.Ordinal)
    {
        ["reply"] = new("答复", "Reply"),
        ["delivery"] = new("供数", "Delivery"),
        ["correction"] = new("校核", "Correction"),
        ["catalogue_update"] = new("目录更新", "Catalogue update"),
        ["catalogue_review"] = new("目录审核", "Catalogue review"),
        ["disposal"] = new("数据处置", "Disposal"),
        ["change"] = new("变更答复", "Reply to a change"),
        ["repair"] = new("限期整改", "Putting misuse right"),
        ["use_records"] = new("使用登记", "Record of use"),
    };

    private static readonly Dictionary<string, Text> Outcomes = new(StringComparer.Ordinal)
    {
        ["on_time"] = new("按期", "On time"),
        ["late"] = new("逾期办结", "Late"),
        ["open"] = new("在办", "Running"),
        ["open_late"] = new("在办且已逾期", "Running, overdue"),
        ["disputed"] = new("有异议", "Disputed"),
        ["undisputed"] = new("无异议", "Undisputed"),
    };

    private static readonly Dictionary<string, Text> Figures = new(StringComparer.Ordinal)
    {
        ["received"] = new("收到申请", "Requests received"),
        ["asked"] = new("提出申请", "Requests made"),
        ["refusals"] = new("不同意共享", "Refusals"),
        ["supplements"] = new("要求补正", "Supplements asked for"),
        ["extensions"] = new("答复延期", "Extended replies"),
    };

    private static readonly Dictionary<string, Text> Dimensions = new(StringComparer.Ordinal)
    {
        ["findability"] = new("可发现", "Findability"),
        ["completeness"] = new("完整", "Completeness"),
        ["timeliness"] = new("及时", "Timeliness"),
        ["machine_readability"] = new("机器可读", "Machine readability"),
        ["legality"] = new("条件合法完备", "Legality"),
        ["reuse"] = new("可用", "Reuse"),
    };

    public static Text Clock(string word) => Clocks.GetValueOrDefault(word) ?? Text.Same(word);

    public static Text Outcome(string word) => Outcomes.GetValueOrDefault(word) ?? Words.State(word);

    public static Text Figure(string word) => Figures.GetValueOrDefault(word) ?? Clock(word);

    public static Text Dimension(string word) => Dimensions.GetValueOrDefault(word) ?? Text.Same(word);

    /// <summary>Anchor of the definition of a figure.</summary>
    public static string Anchor(string figure) => figure.Replace('_', '-');

    private static readonly Text ByStart = new(
        "按期限起算之日归入统计期间（北京时间）；同一事项多次计时的，以最近一次为准，延期后连续计算。",
        "Belongs to the period in which the clock began (Beijing time); of several clocks of one matter the newest counts, and an extension continues the same wait.");

    private static readonly Text RateOf = new(
        "按期率＝按期办结 ÷（按期办结＋逾期办结＋在办且已逾期）。尚在期限内的在办事项不计入；分母为零时显示“—”。当日24时前办结的为按期。",
        "Rate = ended on time ÷ (ended on time + ended late + running past the last day). What still runs within its term is left out; with nothing to judge it says “—”. A day is on time until 24:00.");

    private static readonly Text FromCities = new("各市目录服务的统计接口 /statistics，由网关同时询问各市。", "Each city's own /statistics, asked by the gateway at the same moment.");

    public static readonly IReadOnlyList<Definition> Definitions =
    [
        new("reply", new("按期答复率", "Replies on time"), "第21条",
            new("数据提供部门收到共享申请后：无条件共享 1 个工作日、有条件共享 10 个工作日内答复；经本级数据主管部门同意可以延期，合计不超过 10 个工作日。各市可以规定更短期限（第23条）。等待补正时是否暂停计时由各市设定。",
                "After a request arrived: one working day for unconditional data, ten for conditional data; longer by at most ten with the data authority's consent. A city may set shorter limits (art. 23), and whether the clock rests while a supplement is awaited."), RateOf, ByStart, FromCities),
        new("delivery", new("按期供数率", "Deliveries on time"), "第22条",
            new("答复同意共享后 20 个工作日内，数据可以使用。", "Twenty working days after an agreeing reply the data can be had."), RateOf, ByStart, FromCities),
        new("correction", new("按期校核率", "Corrections on time"), "第26条",
            new("收到校核申请后 10 个工作日内核实、更正并反馈结果。", "Ten working days after an error was reported it is verified, put right and answered."), RateOf, ByStart, FromCities),
        new("catalogue-update", new("目录按期更新率", "Catalogue updates on time"), "第17条",
            new("法律、国务院决定或者部门职责变化影响目录的，10 个工作日内更新并送审；经本级数据主管部门同意可延期 5 个工作日。", "Ten working days after a law, State Council decision or duty changed, the entry is updated and sent to review; five more with the data authority's consent."), RateOf, ByStart, FromCities),
        new("catalogue-review", new("目录按期审核率", "Catalogue reviews on time"), "第17条",
            new("数据主管部门收到目录后 2 个工作日内审核并发布，或者说明理由退回。", "The data authority reviews and publishes an entry within two working days, or gives it back with the reason."), RateOf, ByStart, FromCities),
        new("disposal", new("按期处置率", "Disposals on time"), "第27条",
            new("使用期满、不再需要或者共享终止后，需求部门在该市设定的期限内处置已获得的数据。", "After the end of use the asking department disposes of the data within the term that the city sets."), RateOf, ByStart, FromCities),
        new("overdue", new("当前逾期", "Overdue now"), "第17、21、22、26、27条",
            new("统计期间内起算、现在仍在办且最后一日已过的期限数，各类期限合计。", "Clocks that began in the period, still run and are past their last day, of all kinds together."), null, ByStart, FromCities),
        new("longest-wait", new("最长等待", "Longest wait"), "第38条",
            new("从起算到办结（在办的到今天）的日历天数，含延期，按部门和期限种类取最大值。", "Calendar days from the start to the end, or to today while it runs, extensions included; the largest per department and clock."), null, ByStart, FromCities),
        new("received", new("收到申请", "Requests received"), "第20、21条",
            new("提供方所在市收到的共享申请件数，撤回的也计入；按收到之日归入统计期间。", "Requests that the owning city received, withdrawn ones included, by the day on which they came."), null, null, FromCities),
        new("asked", new("提出申请", "Requests made"), "第20条",
            new("本市部门提出的共享申请件数；按提交之日归入统计期间，尚未提交的按起草之日。", "Requests that the city's departments made, by the day of submission; drafts by the day they were written."), null, null, FromCities),
        new("between", new("市际共享", "Exchanges between cities"), "第20、21条",
            new("行为申请方所在市，列为提供方所在市，数为统计期间内收到的申请件数；表中同时列出其中已答复同意的件数。对角线为本市内部共享。", "The row asks, the column owns; the number counts requests received in the period, and the table also says how many of them were agreed to. The diagonal is sharing inside a city."), null, null, FromCities),
        new("refusals", new("不同意共享", "Refusals"), "第21、28条",
            new("答复为不同意的申请件数；申请方提出争议的另列。", "Requests whose reply refuses; those that the asking side disputes are shown apart."), null, null, FromCities),
        new("supplements", new("要求补正", "Supplements asked for"), "第21条",
            new("一次性告知需要补正的次数；每件申请至多一次。", "How often missing material was named; at most once per request."), null, null, FromCities),
        new("extensions", new("答复延期", "Extended replies"), "第21条",
            new("经数据主管部门同意延期答复的申请件数。", "Requests whose reply was extended with the data authority's consent."), null, null, FromCities),
        new("freshness", new("目录同步", "Freshness of the catalogue"), "第12条",
            new("本站显示的某市目录截至何时与该市一致：15 秒内为实时，60 秒内为稍有延迟，更久为暂时失联（时限可设置）。", "As of when what is shown of a city equals what the city has: live within 15 seconds, lagging within 60, not heard beyond (the times are settings)."), null, null,
            new("网关每 5 秒核对一次各市目录摘要。", "The gateway compares each city's digest every five seconds.")),
        new("data-freshness", new("数据更新", "Freshness of the data"), "第13、26条",
            new("按目录公布的更新周期和数据最近一次更新之日判断：期内、今日应更新、逾期未更新；不定期和历史数据不判断，未在平台存放的数据为未知。", "By the update cycle that the entry declares and the day on which the data last changed: current, due today, overdue; irregular and historical data is not judged, and of data that the exchange does not hold it is unknown."), null, null,
            new("各市装载数据的记录；本站目录。", "The cities' records of loaded data, and the catalogue.")),
        new("quality", new("目录质量", "Quality of entries"), "第13、38条",
            new("按公开的评分规则，条目得分占可评判总分的百分比；市和部门为其全部条目的合计得分率。规则及版本见 /api/catalogue/quality/rules。", "Points reached, of all that could be judged by the published rules; of a city or department over all its entries. The rules stand at /api/catalogue/quality/rules."), null, null,
            new("网关每日计算并保存历史。", "Computed by the gateway each day, with history.")),
    ];
}

/// <summary>What a figure means.</summary>
/// <param name="Id">Its anchor.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Article">Of the regulation.</param>
/// <param name="Counts">What is counted.</param>
/// <param name="Formula">How; null for plain counts.</param>
/// <param name="Period">By which day it belongs to the period; null when that is said already.</param>
/// <param name="Source">Where it comes from.</param>
internal sealed record Definition(string Id, Text Name, string Article, Text Counts, Text? Formula, Text? Period, Text Source);
