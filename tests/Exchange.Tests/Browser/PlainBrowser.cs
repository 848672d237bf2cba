using System.Net;
using System.Text.RegularExpressions;

namespace Exchange.Tests.Browser;

/// <summary>
/// What a browser does with cookies and addresses and nothing more, so that a test sees each answer and each cookie as it was sent. Cookies belong to the host, whatever its port.
/// </summary>
internal sealed partial class PlainBrowser : IDisposable
{
    private readonly HttpClient client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
    private readonly Uri start;

    public PlainBrowser(Uri start) => this.start = start;

    public Dictionary<string, string> Cookies { get; private init; } = new(StringComparer.Ordinal);

    /// <summary>Set-Cookie of the last answer, as sent.</summary>
    public IReadOnlyList<string> LastSet { get; private set; } = [];

    /// <summary>Somebody with a copy of the cookies.</summary>
    public PlainBrowser Copy() => new(start) { Cookies = new(Cookies, StringComparer.Ordinal) };

    public Task<PlainAnswer> GoAsync(string address) => SendAsync(HttpMethod.Get, address, null);

    public Task<PlainAnswer> PostAsync(string address, params (string Name, string Value)[] fields) =>
        SendAsync(HttpMethod.Post, address, new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))));

    public async Task<PlainAnswer> SendAsync(HttpMethod method, string address, HttpContent? content, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(start, address)) { Content = content };
        request.Headers.TryAddWithoutValidation("Accept", "text/html");
        if (Cookies.Count > 0)
        {
            request.Headers.TryAddWithoutValidation("Cookie", string.Join("; ", Cookies.Select(cookie => $"{cookie.Key}={cookie.Value}")));
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.Remove(name);
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var answer = await client.SendAsync(request);
        LastSet = answer.Headers.TryGetValues("Set-Cookie", out var set) ? [.. set] : [];
        foreach (var cookie in LastSet)
        {
            var pair = cookie.Split(';')[0].Split('=', 2);
            if (pair[1].Length == 0 || cookie.Contains("expires=Thu, 01 Jan 1970", StringComparison.OrdinalIgnoreCase))
            {
                Cookies.Remove(pair[0]);
            }
            else
            {
                Cookies[pair[0]] = pair[1];
            }
        }

        var headersOfAnswer = answer.Headers.Concat(answer.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
        return new PlainAnswer((int)answer.StatusCode, answer.Headers.Location?.OriginalString, await answer.Content.ReadAsStringAsync(), headersOfAnswer);
    }

    /// <summary>The token of the forms on a page.</summary>
    public async Task<string> FormTokenAsync(string page = "/sign-in?again=1") => FormToken().Match((await GoAsync(page)).Text).Groups["token"].Value;

    public async Task<PlainAnswer> SignInAsync(string sample, string back = "") =>
        await PostAsync("/sign-in", ("_token", await FormTokenAsync()), ("sample", sample), ("return", back));

    /// <summary>The name that pages show of whoever is signed in; null for nobody.</summary>
    public async Task<string?> WhoAsync() => Name().Match((await GoAsync("/cities-that-are-not")).Text) is { Success: true } found ? WebUtility.HtmlDecode(found.Groups["name"].Value) : null;

    public void Dispose() => client.Dispose();

    [GeneratedRegex("name=\"_token\" value=\"(?<token>[^\"]+)\"")]
    private static partial Regex FormToken();

    [GeneratedRegex("<span class=\"name\">(?<name>[^<]*)</span>")]
    private static partial Regex Name();
}

internal sealed record PlainAnswer(int Status, string? Location, string Text, IReadOnlyDictionary<string, string> Headers);
