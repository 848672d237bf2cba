using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>The desk of a city's data authority: its clocks, what waits for its word, and the figures of its departments.</summary>
internal static class AuthorityPages
{
    private static readonly Rule NoCity = new("no-city", StatusCodes.Status403Forbidden, "第12条",
        new("您的账号不属于任何一市的数据主管部门。", "Your account belongs to no city's data authority."),
        new("请使用该市数据主管部门的账号登录。", "Sign in with an account of a city's data authority."));

    /// <summary>The parts of the desk.</summary>
    public static readonly IReadOnlyList<(string Path, Text Name)> Parts =
    [
        ("/authority", new("期限", "Clocks")),
        ("/authority/consents", new("延期审批", "Extensions")),
        ("/authority/reviews", new("目录审核", "Reviews")),
        ("/authority/exchanges", new("共享事项", "Exchanges")),
        ("/authority/disputes", new("争议", "Disputes")),
        ("/authority/figures", new("部门统计", "Departments")),
        ("/authority/notices", new("通知", "Notices")),
        ("/authority/calendar", new("工作日历", "Calendar")),
    ];

    public static void Map(IEndpointRouteBuilder pages)
    {
        CityClocks.Map(pages);
        Consents.Map(pages);
        Reviews.Map(pages);
        Exchanges.Map(pages);
        OneExchange.Map(pages);
        DepartmentFigures.Map(pages);
        CityNotices.Map(pages);
        Calendar.Map(pages);
    }

    /// <summary>A page of the desk: for persons with the role, who belong to a city.</summary>
    public static RouteHandlerBuilder ForAuthority(this RouteHandlerBuilder route) => route.ForSignedIn(Roles.Authority).AddEndpointFilter((context, next) =>
        context.HttpContext.RequestServices.GetRequiredService<Visit>().Person!.City is null ? ValueTask.FromResult<object?>(new Refused(NoCity)) : next(context));

    /// <summary>The city's part of the API.</summary>
    public static string Api(this Visit visit, string path) => $"/api/cities/{visit.Person!.City}{path}";
}
