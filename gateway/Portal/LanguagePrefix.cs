namespace Exchange.Gateway.Portal;

/// <summary>
/// Takes <c>/en</c> off the address before anything looks at it. Only pages have it: what programs read has one address.
/// </summary>
internal sealed class LanguagePrefix : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(static (http, rest) =>
        {
            var request = http.Request;
            if (request.PathBase.HasValue || !request.Path.StartsWithSegments(Visit.EnglishPrefix, StringComparison.Ordinal, out var path))
            {
                return rest(http);
            }

            if (PageRefusals.IsForPrograms(path))
            {
                return rest(http);
            }

            (request.PathBase, request.Path) = (Visit.EnglishPrefix, path.HasValue ? path : "/");
            return rest(http);
        });
        next(app);
    };
}
