using System.Text.Encodings.Web;
using System.Text.Unicode;
using Exchange.Gateway.Portal.Approvals;
using Exchange.Gateway.Portal.Audit;
using Exchange.Gateway.Portal.Authority;
using Exchange.Gateway.Portal.Cities;
using Exchange.Gateway.Portal.Corrections;
using Exchange.Gateway.Portal.Deliveries;
using Exchange.Gateway.Portal.Entries;
using Exchange.Gateway.Portal.Entry;
using Exchange.Gateway.Portal.Figures;
using Exchange.Gateway.Portal.Home;
using Exchange.Gateway.Portal.Requests;
using Exchange.Gateway.Portal.Search;
using Exchange.Gateway.Portal.SignIn;
using Exchange.Gateway.Portal.Status;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal;

/// <summary>The portal: pages for people, rendered on the server. Each feature has its folder; each page its route and the component that shows it.</summary>
internal static class PortalServices
{
    public static void AddPortal(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        var service = (ServiceSettings)services.Single(s => s.ServiceType == typeof(ServiceSettings)).ImplementationInstance!;
        var settings = PortalSettings.Read(builder.Configuration, service);
        services.AddSingleton(settings);
        services.AddRazorComponents();
        // Chinese as it is: the default would write each character as eight.
        services.AddSingleton(HtmlEncoder.Create(UnicodeRanges.All));
        services.AddHttpContextAccessor();
        services.AddSingleton<IStartupFilter, LanguagePrefix>();
        services.AddSingleton<IRefusalPages, PageRefusals>();
        services.AddSingleton<Places>().AddHostedService(provider => provider.GetRequiredService<Places>());
        services.AddScoped<Visit>();
        services.AddScoped<ApiClient>();
        services.AddScoped<StatusReader>();
        services.AddScoped<VerifyRecords>();
        services.AddHttpClient(ApiClient.Name, client => client.Timeout = Timeout.InfiniteTimeSpan)
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { UseCookies = false, UseProxy = false, AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(3) });
        services.AddSignIn(service, settings);
    }

    public static void MapPortal(this WebApplication app)
    {
        SiteFiles.Map(app);
        Follow.Map(app);
        SignIn.SignIn.Map(app);
        OutsideProvider.Map(app);
        SignOut.Map(app);
        StartPage.Map(app);
        SearchPages.Map(app);
        EntryPages.Map(app);
        CityPages.Map(app);
        FigurePages.Map(app);
        AuthorityPages.Map(app);
        StatusPages.Map(app);
        RequestPages.Map(app);
        DeliveryPages.Map(app);
        ApprovalsPages.Map(app);
        EntriesPages.Map(app);
        CorrectionsPages.Map(app);
        AuditPages.Map(app);
    }
}
