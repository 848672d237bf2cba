using Microsoft.AspNetCore.Components;

namespace Exchange.Gateway.Portal;

/// <summary>A part of a page: the visit, and words in its language.</summary>
public abstract class PagePart : ComponentBase
{
    [Inject]
    protected Visit Visit { get; set; } = null!;

    protected string T(string zh, string en) => Visit.T(zh, en);

    protected string Url(string path) => Visit.Url(path);
}

/// <summary>A whole page. Its route has read <typeparamref name="TModel"/>; the page only shows it.</summary>
public abstract class PageOf<TModel> : PagePart
{
    [Parameter, EditorRequired]
    public TModel Model { get; set; } = default!;
}
