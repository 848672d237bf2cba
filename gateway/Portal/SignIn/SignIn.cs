using Exchange.Gateway.Identity;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Portal.SignIn;

/// <summary>Persons sign in with the account and secret of the gateway's own issuer; on the local start one of the samples is enough.</summary>
internal static class SignIn
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/sign-in", ShowAsync).ForAnyone();
        pages.MapForm("/sign-in", HandleAsync).ForAnyone();
    }

    private static async Task<IResult> ShowAsync(Visit visit, Accounts accounts, PortalSettings settings, Places places, CancellationToken cancel)
    {
        // What came of the way through the outside provider is said here, where the other ways are.
        var refused = settings.Provider is { } provider ? OutsideProvider.Explain(visit.Http.Request.Query["outside"].ToString(), provider, places, visit) : null;
        return refused is null && visit.Person is not null && !visit.Http.Request.Query.ContainsKey("again") ? Back(visit) : await PageAsync(visit, accounts, settings, null, cancel, refused);
    }

    private static async Task<IResult> HandleAsync(Visit visit, Accounts accounts, PortalSettings settings, CancellationToken cancel)
    {
        if (settings.SampleAccounts && visit.Form["sample"].ToString() is { Length: > 0 } sample)
        {
            if (await accounts.FindPersonAsync(sample, cancel) is { } chosen)
            {
                return await BeginAsync(visit, chosen);
            }

            return await PageAsync(visit, accounts, settings, new("没有这个示例账号。", "There is no such sample account."), cancel);
        }

        var (clientId, secret) = (visit.Form["account"].ToString().Trim(), visit.Form["secret"].ToString());
        if (clientId.Length == 0 || secret.Length == 0)
        {
            return await PageAsync(visit, accounts, settings, new("请填写账号和口令。", "Enter the account and its secret."), cancel);
        }

        var (account, locked) = await accounts.CheckAsync(clientId, secret, cancel);
        if (locked > 0)
        {
            return await PageAsync(visit, accounts, settings, new($"尝试次数过多，请 {locked} 秒后再试。", $"Too many attempts; try again in {locked} seconds."), cancel);
        }

        return account switch
        {
            null => await PageAsync(visit, accounts, settings, new("账号或口令不正确。", "The account or its secret is wrong."), cancel),
            { SubType: not "person" } => await PageAsync(visit, accounts, settings, new("这是业务系统的账号，只能调用接口，不能登录页面。", "This account is a program's: it calls the API and does not sign in here."), cancel),
            _ => await BeginAsync(visit, account),
        };
    }

    public static async Task<IResult> BeginAsync(Visit visit, Account account)
    {
        await Sessions.BeginAsync(visit.Http, account);
        return Back(visit);
    }

    /// <summary>To where the person wanted to go, if that is here.</summary>
    private static RedirectHttpResult Back(Visit visit)
    {
        var wanted = visit.Form["return"].ToString() is { Length: > 0 } sent ? sent : visit.Http.Request.Query["return"].ToString();
        return TypedResults.LocalRedirect(IsOurs(wanted) ? Visit.Encoded(wanted) : visit.Url("/"));
    }

    /// <summary>A path on this host, and nothing that a browser could take for another one.</summary>
    public static bool IsOurs(string? address) => address is { Length: > 0 and < 2000 } && RedirectHttpResult.IsLocalUrl(address) && address[0] == '/' && !address.Any(char.IsControl) && !address.Contains('\\', StringComparison.Ordinal);

    private static async Task<IResult> PageAsync(Visit visit, Accounts accounts, PortalSettings settings, Text? fault, CancellationToken cancel, Text? refusedOutside = null) => visit.Page<SignInPage, SignInModel>(new SignInModel
    {
        Return = visit.Form["return"].ToString() is { Length: > 0 } sent ? sent : visit.Http.Request.Query["return"].ToString(),
        Account = visit.Form["account"].ToString(),
        Fault = fault,
        Outside = settings.Provider?.Called,
        RefusedOutside = refusedOutside,
        Samples = settings.SampleAccounts ? await accounts.PersonsAsync(cancel) : [],
    }, fault is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);
}

/// <summary>What the sign-in page shows.</summary>
public sealed record SignInModel
{
    /// <summary>Where the person wanted to go.</summary>
    public required string Return { get; init; }

    public required string Account { get; init; }

    public Text? Fault { get; init; }

    /// <summary>The outside provider's name; null where there is none.</summary>
    public Text? Outside { get; init; }

    /// <summary>Why the way through the outside provider led nowhere.</summary>
    public Text? RefusedOutside { get; init; }

    public required IReadOnlyList<SampleAccount> Samples { get; init; }
}

/// <summary>An account that anyone on this machine may try.</summary>
public sealed record SampleAccount
{
    public required string ClientId { get; init; }
    public required string Name { get; init; }
    public string? City { get; init; }
    public string? Department { get; init; }
    public string[] Roles { get; init; } = [];
}
