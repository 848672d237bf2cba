using System.Collections.Immutable;
using System.IO.Pipelines;
using System.Net.Http.Headers;
using System.Text.Json;
using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Polly.CircuitBreaker;

namespace Exchange.Catalogue.DataServices;

/// <summary>
/// A call to a department's own interface under a grant. What is not on its lists does not pass: operation, parameters, headers, and of the answer's JSON everything that is no granted item.
/// The opening is on record before the service is called, for a call may be an exchange even when its answer is lost.
/// </summary>
internal sealed partial class CallService(Database database, Upstreams upstreams, GrantKeys keys, Transfer transfer, ILogger<CallService> log)
{
    private const int LongestValue = 500;
    private const string Json = "application/json";

    public static void Map(RouteGroupBuilder grants) => grants.MapMethods("/{id:guid}/service/{**path}", [HttpMethods.Get, HttpMethods.Post],
            (Guid id, string? path, Caller caller, City city, CallService service, HttpContext http) => service.HandleAsync(id, path ?? "", caller, city, http))
        .AllowCallers(Roles.Integrator, Roles.Officer)
        .WithSummary("Calls the department's own interface under a grant. Of its JSON answer the granted data items pass, treated as agreed. Each call is a delivery of its own (header Exchange-Delivery-Id).")
        .Produces(StatusCodes.Status200OK, contentType: Json);

    private async Task<IResult> HandleAsync(Guid id, string path, Caller caller, City city, HttpContext http)
    {
        var cancel = http.RequestAborted;
        var (entered, refused) = await transfer.EnterAsync(id, caller, city, http);
        if (entered is not { } grant)
        {
            return refused!;
        }

        StoredService? stored;
        await using (var connection = await database.OpenAsync(cancel))
        {
            stored = await ServiceTable.FindAsync(connection, grant.DatasetId, cancel);
        }

        if (stored is null)
        {
            return new Refused(Transfer.SourceSilent) { RetryAfter = 10 };
        }

        if (stored.Service.Find(http.Request.Method, path) is not var (operation, filled) || QueryOf(operation, http.Request.Query) is not { } query)
        {
            return new Refused(ServiceRules.NotAllowed);
        }

        if (await BodyAsync(stored.Service, operation, http.Request, cancel) is var (body, wrong) && wrong is not null)
        {
            return wrong;
        }

        if (transfer.Behind is { } behind)
        {
            return behind;
        }

        using var request = RequestOf(stored.Service, new Uri(stored.Service.At(filled) + query), body, http.Request);
        return await transfer.RunAsync(http, grant, caller.Subject, new Shipment
        {
            Form = "service",
            Fields = grant.Scope.Delivered,
            Head = static _ => { },
            Write = (sent, stop) => PassAsync(stored, grant, request, http.Response, sent, stop),
            // The operation as it is described: what stands in its place may name a person.
            Facts = ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, [new KeyValuePair<string, string>("operation", $"{operation.Method} {operation.Path}")]),
        });
    }

    private async Task PassAsync(StoredService stored, Grant grant, HttpRequestMessage request, HttpResponse response, Stream to, CancellationToken stop)
    {
        using var within = CancellationTokenSource.CreateLinkedTokenSource(stop);
        within.CancelAfter(TimeSpan.FromSeconds(stored.Service.TimeoutSeconds));
        try
        {
            using var answer = await upstreams.SendAsync(stored, request, within.Token);
            Require(answer);
            foreach (var name in stored.Service.ResponseHeaders)
            {
                if (answer.Headers.TryGetValues(name, out var values) || answer.Content.Headers.TryGetValues(name, out values))
                {
                    response.Headers[name] = values.ToArray();
                }
            }

            response.ContentType = Json;
            await using var limited = new LimitedStream(await answer.Content.ReadAsStreamAsync(within.Token), stored.Service.MostResponseBytes);
            var reader = PipeReader.Create(limited);
            await new GrantedJson(grant.Scope, keys.ForHashes(grant.ExchangeId), stored.Service.Structure).CopyAsync(reader, to, within.Token);
            await reader.CompleteAsync();
        }
        catch (BrokenCircuitException fault)
        {
            throw new NothingSentException(new Refused(ServiceRules.Resting) { RetryAfter = (int)Math.Ceiling(fault.RetryAfter?.TotalSeconds ?? 1) });
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw Broken(ServiceRules.Silent, "it did not answer in time");
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or JsonException or LimitedStream.LongerException && !stop.IsCancellationRequested)
        {
            throw Broken(ServiceRules.Failed, fault.Message);
        }

        Exception Broken(Rule rule, string why)
        {
            LogBroken(log, stored.DatasetId, why);
            return response.HasStarted ? new SourceFailedException(why) : new NothingSentException(new Refused(rule));
        }
    }

    /// <summary>Only an answer of this form passes; of another one nothing is told but that it was another.</summary>
    private static void Require(HttpResponseMessage answer)
    {
        if (!answer.IsSuccessStatusCode)
        {
            throw new NothingSentException(new Refused((int)answer.StatusCode switch
            {
                404 or 410 => ServiceRules.NotFound,
                400 or 405 or 406 or 409 or 413 or 415 or 422 => ServiceRules.Declined,
                _ => ServiceRules.Failed,
            }));
        }

        if (answer.Content.Headers.ContentEncoding.Count > 0 || answer.Content.Headers.ContentType?.MediaType is not { } type
            || !(type.Equals(Json, StringComparison.OrdinalIgnoreCase) || type.EndsWith("+json", StringComparison.OrdinalIgnoreCase)))
        {
            throw new NothingSentException(new Refused(ServiceRules.Failed));
        }
    }

    /// <summary>Null when a parameter is not on the operation's list.</summary>
    private static string? QueryOf(DataService.Operation operation, IQueryCollection asked)
    {
        List<string> passed = [];
        foreach (var (name, values) in asked)
        {
            if (name == PurposeCode.Parameter)
            {
                // Said to the exchange, not to the department's interface.
                continue;
            }

            if (values is not [{ Length: <= LongestValue } value] || !operation.Query.Contains(name, StringComparer.Ordinal))
            {
                return null;
            }

            passed.Add($"{name}={Uri.EscapeDataString(value)}");
        }

        return passed.Count == 0 ? "" : "?" + string.Join('&', passed);
    }

    private static async Task<(byte[]? Body, Refused? Wrong)> BodyAsync(DataService service, DataService.Operation operation, HttpRequest request, CancellationToken cancel)
    {
        if (operation.Method != HttpMethods.Post)
        {
            return (null, null);
        }

        if (!request.HasJsonContentType())
        {
            return (null, new Refused(ServiceRules.RequestType));
        }

        try
        {
            using var body = new MemoryStream();
            await using var limited = new LimitedStream(request.Body, service.MostRequestBytes);
            await limited.CopyToAsync(body, cancel);
            return (body.ToArray(), null);
        }
        catch (LimitedStream.LongerException)
        {
            return (null, new Refused(ServiceRules.RequestTooLarge));
        }
    }

    private static HttpRequestMessage RequestOf(DataService service, Uri address, byte[]? body, HttpRequest asked)
    {
        var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, address);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(Json));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(Json) } };
        }

        foreach (var name in service.RequestHeaders)
        {
            if (asked.Headers.TryGetValue(name, out var values))
            {
                request.Headers.TryAddWithoutValidation(name, values.ToArray());
            }
        }

        return request;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The service of dataset {Dataset} failed a call: {Why}")]
    private static partial void LogBroken(ILogger log, Guid dataset, string why);
}
