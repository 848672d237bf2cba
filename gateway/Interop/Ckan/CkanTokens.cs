using Microsoft.Net.Http.Headers;

namespace Exchange.Gateway.Interop.Ckan;

/// <summary>
/// CKAN's clients send their token bare, in Authorization or in X-CKAN-API-Key. On the paths of the Action API, and nowhere else, it becomes a bearer token before anyone looks at it;
/// it is checked like every other.
/// </summary>
internal sealed class CkanTokens : IStartupFilter
{
    private const string KeyHeader = "X-CKAN-API-Key";

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((http, then) =>
        {
            if (CkanApi.Serves(http.Request.Path))
            {
                Adopt(http.Request.Headers);
            }

            return then(http);
        });
        next(app);
    };

    private static void Adopt(IHeaderDictionary headers)
    {
        var given = headers.Authorization.Count > 0 ? headers.Authorization.ToString() : headers[KeyHeader].ToString();
        if (given.Length > 0)
        {
            headers[HeaderNames.Authorization] = given.Contains(' ', StringComparison.Ordinal) ? given : $"Bearer {given}";
        }
    }
}
