using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Exchange.Hosting;

/// <summary>The roles a token may carry. One person may hold several; two-person rules compare subjects, not roles.</summary>
public static class Roles
{
    /// <summary>Drafts requests, edits entries.</summary>
    public const string Officer = "officer";

    /// <summary>Proposes the answer to a request.</summary>
    public const string Reviewer = "reviewer";

    /// <summary>Head of the department's sharing office (共享工作机构, art. 11): signs requests out and replies.</summary>
    public const string SharingHead = "sharing_head";

    /// <summary>Head of the department: approves entries (art. 13).</summary>
    public const string DepartmentHead = "department_head";

    /// <summary>The city's data authority: reviews and publishes (arts. 16, 17).</summary>
    public const string Authority = "authority";

    /// <summary>Reads the whole log.</summary>
    public const string Auditor = "auditor";

    /// <summary>May open commitments under a case number.</summary>
    public const string CaseAuditor = "case_auditor";

    /// <summary>Keeps a service up; sees no audit content.</summary>
    public const string Operator = "operator";

    /// <summary>A machine that fetches data for its department; never signs.</summary>
    public const string Integrator = "integrator";

    /// <summary>The gateway's repair client: reads digests and changes, nothing else.</summary>
    public const string Repair = "repair";
}

/// <summary>Who is calling, from the token alone: never from a header or the network's place.</summary>
public sealed record Caller
{
    public required string Subject { get; init; }

    /// <summary>True for a person; a machine client never signs off.</summary>
    public required bool IsPerson { get; init; }

    public required string ClientId { get; init; }

    public required string Name { get; init; }

    public string? City { get; init; }

    /// <summary>Unified social credit code of the caller's department.</summary>
    public string? Department { get; init; }

    public required IReadOnlySet<string> Roles { get; init; }

    public bool Has(string role) => Roles.Contains(role);

    public static Caller? From(ClaimsPrincipal principal) => principal.Identity is not { IsAuthenticated: true } ? null : new Caller
    {
        Subject = principal.FindFirstValue("sub") ?? "",
        IsPerson = principal.FindFirstValue("sub_type") == "person",
        ClientId = principal.FindFirstValue("client_id") ?? "",
        Name = principal.FindFirstValue("name") ?? "",
        City = principal.FindFirstValue("city"),
        Department = principal.FindFirstValue("department"),
        Roles = principal.FindAll("roles").Select(c => c.Value).ToHashSet(StringComparer.Ordinal),
    };

    /// <summary>Lets a handler take the caller as a parameter; nullable where a route is open to anyone.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult(From(context.User));
}

/// <summary>Who may use a route. Every route carries exactly one of these; a service with a route that has none does not start.</summary>
public sealed class RoutePolicy(bool personsOnly, IReadOnlyList<string> anyOfRoles) : IAuthorizationRequirement
{
    public bool PersonsOnly { get; } = personsOnly;

    public IReadOnlyList<string> AnyOfRoles { get; } = anyOfRoles;

    /// <summary>The rule that keeps this caller out, or null when the route is theirs.</summary>
    public Refused? Check(Caller caller)
    {
        if (PersonsOnly && !caller.IsPerson)
        {
            return new Refused(PersonRequired);
        }

        return AnyOfRoles.Count == 0 || AnyOfRoles.Any(caller.Has)
            ? null
            : new Refused(RoleMissing, new($"需要角色：{string.Join("、", AnyOfRoles)}。", $"One of these roles is needed: {string.Join(", ", AnyOfRoles)}."));
    }

    /// <summary>A machine client never signs off.</summary>
    public static readonly Rule PersonRequired = new("person-required", StatusCodes.Status403Forbidden, "第20条",
        new("此操作须由自然人本人完成，机器客户端不得代签。", "A person must do this; a machine client never signs off."),
        new("请由具有相应职务的工作人员登录后办理。", "Have the officer in charge sign in and do it."));

    /// <summary>The account lacks the role.</summary>
    public static readonly Rule RoleMissing = new("role-missing", StatusCodes.Status403Forbidden, "第11条",
        new("您的账号没有办理此事项的角色。", "Your account does not have a role for this."),
        new("请联系本部门共享工作机构或本市数据主管部门授予角色。", "Ask your department's sharing office or the city's data authority for the role."));
}

public static class RoutePolicies
{
    /// <summary>Open to anyone, with or without a token.</summary>
    public static T AllowAnyone<T>(this T route)
        where T : IEndpointConventionBuilder => route.AllowAnonymous();

    /// <summary>Any valid token; with roles, one of them.</summary>
    public static T AllowCallers<T>(this T route, params string[] anyOfRoles)
        where T : IEndpointConventionBuilder => route.Allow(new RoutePolicy(personsOnly: false, anyOfRoles));

    /// <summary>Persons only; with roles, one of them.</summary>
    public static T AllowPersons<T>(this T route, params string[] anyOfRoles)
        where T : IEndpointConventionBuilder => route.Allow(new RoutePolicy(personsOnly: true, anyOfRoles));

    /// <summary>The operators of this very service: a city's own, or for the services of all cities those who belong to none.</summary>
    public static T AllowOperators<T>(this T route)
        where T : IEndpointConventionBuilder => route.AllowCallers(Roles.Operator).AddEndpointFilter((context, next) =>
    {
        var service = context.HttpContext.RequestServices.GetRequiredService<ServiceSettings>().Name;
        var shared = service is Topology.GatewayService or Topology.AuditService;
        return Caller.From(context.HttpContext.User)!.City == (shared ? null : service)
            ? next(context)
            : ValueTask.FromResult<object?>(new Refused(ForeignOperator));
    });

    private static readonly Rule ForeignOperator = new("other-service", StatusCodes.Status403Forbidden, "GB/T 39477",
        new("运维人员只能操作本市的服务。", "Operators act on their own city's service only."),
        new("请由该服务的运维人员办理。", "Have that service's operators do it."));

    private static T Allow<T>(this T route, RoutePolicy policy)
        where T : IEndpointConventionBuilder =>
        route.RequireAuthorization(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().AddRequirements(policy).Build());
}
