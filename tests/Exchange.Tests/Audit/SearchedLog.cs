using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Exchange.Audit.Recording;
using Exchange.Audit.Search;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Transparency;
using Exchange.Tests.Verifier;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exchange.Tests.Audit;

/// <summary>A small log with some exchanges between three departments, and the use cases that search it, in this process.</summary>
public sealed class SearchedLog : IAsyncLifetime
{
    internal const string Labour = "11430100EXAMPL0121";
    internal const string Police = "11430200EXAMPL0011";
    internal const string Hospital = "11430300EXAMPL0031";
    internal const string Basis = "《示例条例》第三条（示例）";

    internal static readonly Guid Dataset = Guid.CreateVersion7();
    internal static readonly Guid OtherDataset = Guid.CreateVersion7();

    private readonly TestSource changsha = new("changsha");
    private readonly TestSource zhuzhou = new("zhuzhou");
    private readonly TestSource xiangtan = new("xiangtan");
    private readonly TestSource gateway = new("gateway");
    private readonly CosigningWitness witness = new("changsha.example/witness", 7);
    private ServiceSettings service = null!;

    internal AuditDatabase Audit { get; private set; } = null!;
    internal Witnesses Witnesses { get; private set; } = null!;
    internal Origins Origins { get; private set; } = null!;
    internal ExportRecords Export { get; private set; } = null!;
    internal List<SourceRecord> Records { get; } = [];

    public async ValueTask InitializeAsync()
    {
        Audit = await AuditDatabase.CreateAsync();
        service = new ServiceSettings { Name = "audit", KeyFolder = Audit.KeyFolder, PublicAddress = "https://exchange.example" };
        Origins = new Origins(service);
        await File.WriteAllTextAsync(TrustFile, JsonSerializer.Serialize(new
        {
            version = 1,
            logs = new[] { new { origin = AuditDatabase.Origin, year = 2026, keys = Audit.Keyring.Signers.Select(signer => signer.VerifierKey(AuditDatabase.Origin).ToString()), valid_from = "2026-01-01", valid_to = "2026-12-31" } },
            witnesses = new[] { witness.VerifierKey },
            quorum = 1,
        }));
        Witnesses = new Witnesses(Audit.Database, new LogSettings(), new AgreementFile(service), Origins, NullLogger<Witnesses>.Instance);
        Export = new ExportRecords(Audit.Database, new LogReader(Audit.Database), Audit.Keyring, Witnesses, Origins, Audit.Clock);

        for (var month = 9; month <= 11; month++)
        {
            Exchange(month, Police, Labour, Dataset, Basis);
            Exchange(month, Hospital, Labour, Dataset, "=HYPERLINK(\"http://example\")");
            Exchange(month, Police, Hospital, OtherDataset, Basis);
        }
        Records.Add(Made(zhuzhou, "refusal", null, 11, 3, content => (content["requesting"], content["result"]) = (Police, "refused")));
        Records.Add(Made(gateway, "heartbeat", null, 11, 4));
        await Audit.AppendAsync([.. Records]);
        await WitnessAsync();
    }

    internal string TrustFile => Path.Combine(Audit.KeyFolder, AgreementFile.Name);

    /// <summary>Signs what is there and has it cosigned.</summary>
    internal async Task WitnessAsync()
    {
        await Audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken);
        var note = (await Audit.QueryAsync<string>("select note from checkpoints order by size desc limit 1")).Single();
        var line = witness.Cosign(note, Audit.Clock.Now)[note.Length..];
        await Audit.TamperAsync($"insert into cosignatures (year, size, witness, line, newest) select year, size, '{witness.Name}', '{line}', '{line}' from checkpoints where note = '{note}'");
    }

    internal SourceRecord Late(int month) => Made(changsha, "use.recorded", Guid.CreateVersion7(), month, 28, content => (content["requesting"], content["providing"]) = (Police, Labour));

    internal Transaction NewTransaction() => Audit.NewTransaction();

    internal static Caller Auditor(string subject = "auditor") => Someone(subject, null, null, Roles.Auditor);

    internal static Caller Someone(string subject, string? city, string? department, string role) =>
        new() { Subject = subject, IsPerson = true, ClientId = "test", Name = "示例", City = city, Department = department, Roles = new HashSet<string> { role } };

    internal static HttpContext Http(string query = "", string language = "en")
    {
        var http = new DefaultHttpContext();
        http.Request.QueryString = new QueryString(query);
        http.Request.Headers.AcceptLanguage = language;
        http.Response.Body = new MemoryStream();
        return http;
    }

    internal async Task<RecordPage> PageAsync(RecordFilters filters, Caller caller, string? cursor = null, int? limit = null) =>
        Assert.IsType<Ok<RecordPage>>((await SearchRecords.HandleAsync(filters, cursor, limit, caller, Audit.Database, Witnesses, Origins, Http(), TestContext.Current.CancellationToken)).Result).Value!;

    public async ValueTask DisposeAsync()
    {
        Witnesses?.Dispose();
        witness.Dispose();
        await Audit.DisposeAsync();
    }

    // This asking city does not name the provider, and this gateway nobody.
    private void Exchange(int month, string asking, string providing, Guid dataset, string basis)
    {
        var (exchange, delivery) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var owner = providing == Labour ? changsha : xiangtan;
        void Parties(JsonObject content)
        {
            (content["requesting"], content["providing"], content["service"], content["service_version"], content["purpose"]) = (asking, providing, dataset.ToString(), 1, basis);
        }
        void Report(JsonObject content, string? result)
        {
            content["details"] = new JsonObject { ["delivery_id"] = delivery.ToString(), ["sha256"] = new string('a', 64) };
            if (result is not null)
            {
                (content["result"], content["records"], content["bytes"]) = (result, 10 * month, 1000 * month);
            }
        }
        var result = month == 10 ? "aborted" : "complete";
        Records.Add(Made(asking == Police ? zhuzhou : xiangtan, "request.submitted", exchange, month, 1, content => (content["requesting"], content["result"], content["purpose"]) = (asking, "submitted", basis)));
        Records.Add(Made(owner, "request.received", exchange, month, 1, content =>
        {
            Parties(content);
            (content["result"], content["approval"]) = ("under_review", $"长沙-2026-{month:000000}");
        }));
        Records.Add(Made(owner, "delivery.opened", exchange, month, 15, content =>
        {
            Parties(content);
            Report(content, null);
        }));
        Records.Add(Made(owner, "delivery.ended", exchange, month, 15, content =>
        {
            Parties(content);
            Report(content, result);
        }));
        Records.Add(Made(gateway, "gateway.delivered", exchange, month, 15, content => Report(content, result)));
    }

    private static SourceRecord Made(TestSource source, string type, Guid? exchange, int month, int day, Action<JsonObject>? more = null) => source.NextRecord(type, exchange, content =>
    {
        content["at"] = $"2026-{month:00}-{day:00}T0{source.Name.Length}:00:00.000Z";
        more?.Invoke(content);
    });
}
