using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// Rows under a grant for a receiver that keeps a copy: everything the first time, then what has changed since the cursor at the end of the time before. A cursor names a state of the rows, and the two tables are compared
/// as the grant gives them, so that a row that leaves the grant's choice of rows is gone for the receiver and one that changed only in what is hidden has not changed.
/// </summary>
internal sealed class ReadRowChanges(RowTables tables, GrantKeys keys, Transfer transfer, ChangeSettings settings)
{
    public const string Form = "changes";

    /// <summary>Facts of the delivery: the number of the table that the receiver has at its end, and of the one it had at its beginning.</summary>
    public const string State = "state", Since = "since";

    private const string Nothing = "nothing";

    /// <summary>Fact of a part after which others follow: the receiver is not there yet.</summary>
    public const string More = "more";

    /// <summary>The place of a cursor after everything; no row has it, for places are counted from item 1.</summary>
    private const string NoPlace = "(0,0)";

    private readonly RowCursors cursors = new(keys);

    private static readonly Rule NoKey = new("rows-without-key", StatusCodes.Status409Conflict, "第22条",
        new("该数据没有主键，不能按变更提供。", "The rows have no key, so changes cannot be told."),
        new("请提供方在填报数据时指明主键（PUT …/datasets/{编号}/rows?key=…），或用 …/data 取全量。", "The provider names a key when it loads the rows (PUT …/datasets/{id}/rows?key=…); or fetch everything from …/data."));

    private static readonly Rule KeyNotGranted = new("key-not-granted", StatusCodes.Status409Conflict, "第22条",
        new("主键中的数据项没有按原样或哈希授权，不能按变更提供。", "The key's data items are not all granted plain or hashed, so changes cannot be told."),
        new("请申请变更共享范围；主键只能按原样或哈希提供，脱敏后的值分不清记录。", "Ask for a change of scope; a key is provided plain or hashed, for masked values do not tell rows apart."));

    private static readonly Rule OtherCursor = new("other-cursor", StatusCodes.Status422UnprocessableEntity, null,
        new("游标不属于此授权的变更。", "The cursor is none of this grant's changes."),
        new("请用上一次变更末行给出的游标，或不带 after 取全量。", "Use the cursor of the last line of the changes before, or leave after out to begin with everything."));

    private static readonly Rule BeginAnew = new("changes-not-kept", StatusCodes.Status410Gone, null,
        new("自该游标以来的变更已无法提供。", "What has changed since this cursor cannot be told any more."),
        new("请不带 after 重新取全量，并以其替换原有数据；末行给出新的游标。", "Begin anew without after: everything is sent, replaces what you have, and gives a new cursor."));

    public static void Map(RouteGroupBuilder grants) => grants.MapGet("/{id:guid}/changes", (Guid id, string? after, Caller caller, City city, ReadRowChanges reader, HttpContext http) => reader.HandleAsync(id, after, caller, city, http))
        .AllowCallers(Roles.Integrator, Roles.Officer)
        .WithSummary("What has changed in the granted rows since a cursor, treated as agreed, as NDJSON; without a cursor everything. Each call is a delivery of its own (header Exchange-Delivery-Id).")
        .WithDescription("""
            One object a line: `{"op":"begin","whole":…,"continued":…,"key":[…],"fields":[{"name","type"}]}`, then `{"op":"upsert","key":{…},"row":{…}}` and `{"op":"delete","key":{…}}` each key at most once;
            at last `{"op":"end","cursor":"…","changes":n,"more":…}`. A stream without its last line was cut and is asked for again with the same cursor. `whole`: what is not in it is gone; a large table comes in parts, each asked for with the cursor of the one before, while `more` is true.
            410: the cursor is too old, or fields, treatments, rows or key are others now; begin without one. The rows need a key (`PUT /datasets/{id}/rows?key=…`) that is granted plain or hashed.
            """)
        .Produces(StatusCodes.Status200OK, contentType: "application/x-ndjson")
        .Produces<Problem>(StatusCodes.Status410Gone, "application/problem+json");

    private async Task<IResult> HandleAsync(Guid id, string? after, Caller caller, City city, HttpContext http)
    {
        var cancel = http.RequestAborted;
        var (entered, refused) = await transfer.EnterAsync(id, caller, city, http);
        if (entered is not { } grant)
        {
            return refused!;
        }

        if (transfer.Behind is { } behind)
        {
            return behind;
        }

        var faults = new Faults();
        foreach (var (name, values) in http.Request.Query.Where(p => p.Key is not ("after" or PurposeCode.Parameter) || p.Value.Count > 1))
        {
            faults.Add(name, values.Count > 1 ? "twice" : "unknown-parameter", null, values.Count > 1 ? new("此参数只能出现一次。", "This parameter stands once only.") : new("没有这个参数。", "There is no such parameter."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        var scope = grant.Scope;
        if (await tables.FindAsync(grant.DatasetId, cancel) is not { } table || RowSelect.Of(table, scope, RowQuery.All) is not { } select)
        {
            return new Refused(Transfer.SourceSilent) { RetryAfter = 10 };
        }

        if (table.Key.Count == 0)
        {
            return new Refused(NoKey);
        }

        if (table.Key.Any(k => !scope.Fields.Contains(k, StringComparer.Ordinal) || scope.Of(k).Kind is not (TreatmentKind.Plain or TreatmentKind.Hashed)))
        {
            return new Refused(KeyNotGranted);
        }

        var digest = DigestOf(scope, table.Key);
        var (since, start) = (Nothing, (string?)null);
        RowSelect? before = null;
        if (!string.IsNullOrEmpty(after))
        {
            if (cursors.Open(id, after) is not { } place)
            {
                return new Refused(OtherCursor);
            }

            if (!place.Query.AsSpan().SequenceEqual(digest) || await tables.FindStateAsync(table, place.Table, cancel) is not { } state
                || RowSelect.Of(state, scope, RowQuery.All, "o") is not { } earlier || !select.Compares(earlier))
            {
                return new Refused(BeginAnew);
            }

            since = place.Table.ToString("N");
            if (place.Place == NoPlace)
            {
                before = earlier;
            }
            else
            {
                // On with the state that the parts before were of, whatever was loaded meanwhile.
                (table, start) = (state, place.Place);
            }
        }

        if (before is null && RowSelect.Of(table, scope, RowQuery.First(settings.ChangesPart)) is { } part)
        {
            select = part;
        }

        if (await tables.CompareAsync(table, select, before, scope, start, keys.ForHashes(id), cancel) is not { } changes)
        {
            return new Refused(BeginAnew);
        }

        var facts = new Dictionary<string, string>(StringComparer.Ordinal) { [State] = table.Number.ToString("N"), [Since] = since };
        if (changes.Next is not null)
        {
            facts[More] = "yes";
        }

        await using (changes)
        {
            return await transfer.RunAsync(http, grant, caller.Subject, new Shipment
            {
                Form = Form,
                Fields = scope.Delivered,
                Facts = facts,
                Head = response => response.ContentType = RowForms.MediaType(RowForms.NdJson),
                Write = async (body, stop) =>
                {
                    await changes.WriteAsync(
                        body,
                        table.Columns.ToDictionary(c => c.Field.Name, c => c.Field.Type, StringComparer.Ordinal),
                        continued: start is not null,
                        cursors.Seal(id, new RowPlace(table.Number, changes.Next ?? NoPlace, digest)),
                        stop);
                    // The end waits for a commit; the reader's connection need not.
                    await changes.DisposeAsync();
                },
                Rows = () => changes.Written,
            });
        }
    }

    /// <summary>Tells what a cursor stands for from anything else that the same grant gave before: other fields, treatments, rows or another key.</summary>
    private static byte[] DigestOf(GrantedScope scope, IReadOnlyList<string> key) => SHA256.HashData(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(
        new { Form, scope.Fields, Treatments = scope.Treatments?.OrderBy(t => t.Key, StringComparer.Ordinal), scope.Rows, key }, Json.Options)))[..8];
}
