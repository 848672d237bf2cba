using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace Exchange.Catalogue.Files;

/// <summary>
/// A department hands in a file of a published file entry (art. 22: data may be supplied as files). It is checked and hashed while it comes in, in constant memory; only when it is whole, right and on the disk
/// does the dataset have it, in one transaction. Another file of the same name is a new version; the one before stays until it is removed.
/// </summary>
internal static partial class StoreFile
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPut("/datasets/{id:guid}/files/{name}", PutAsync).AllowCallers(Roles.Officer)
            // The city's own limit is told by its own refusal: Kestrel's would close the connection under the sender, who then does not see why.
            .Accepts<Stream>("application/octet-stream", "*/*").WithMetadata(new DisableRequestSizeLimitAttribute()).Produces<Problem>(StatusCodes.Status413PayloadTooLarge, "application/problem+json").Produces<Problem>(StatusCodes.Status507InsufficientStorage, "application/problem+json")
            .WithSummary("Hands in a file of a published file entry, or a new version of one. Content-Digest or Repr-Digest (sha-256) is compared with what arrives.");

    // Not Writes(): its transaction would stand open for as long as a large file takes.
    private static async Task<Results<Ok<FileView>, Refused>> PutAsync(
        Guid id, string name, Caller caller, City city, FileSettings settings, FileStore store, Database database, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        Dataset? dataset;
        DatasetVersion? version;
        await using (var connection = await database.OpenAsync(cancel))
        {
            dataset = await Dataset.FindAsync(connection, id, cancel);
            version = dataset is null ? null : await dataset.VersionAsync(connection, dataset.PublishedVersion, cancel);
        }

        if (dataset is null)
        {
            return Pipeline.NotFound();
        }

        if ((dataset.NotOwn(caller, city) ?? http.IfMatch(dataset.Revision)) is { } refused)
        {
            return refused;
        }

        if (version is null)
        {
            return new Refused(DatasetRefusals.NotPublished);
        }

        if (!FileFormat.IsFile(version.Entry.Format))
        {
            return new Refused(FileRefusals.NoFile);
        }

        if (FileFormat.Of(version.Entry.Format!) is not { } format)
        {
            var taken = string.Join(", ", FileFormat.All.Select(f => f.Word));
            return new Refused(FileRefusals.NotTaken, new($"目录格式：{version.Entry.Format}。可接收：{taken}。", $"The entry's format: {version.Entry.Format}. Taken are: {taken}."));
        }

        var faults = new Faults();
        name = FileName.Check(name, format, faults);
        var digest = Digest(http.Request, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (http.Request.ContentLength is { } length && (length > settings.LargestFile || length > store.Room))
        {
            // Before a byte of it is read.
            return length > settings.LargestFile ? TooLarge(settings) : new Refused(FileRefusals.NoRoom);
        }

        var check = new ContentCheck(format);
        (string Rule, Text Message)? inside = null;
        StoredFile? file;
        try
        {
            file = await store.ReceiveAsync(http.Request.Body, settings.LargestFile, check, LookInsideAsync, cancel);
        }
        catch (IOException fault) when (FileStore.IsFull(fault))
        {
            return new Refused(FileRefusals.NoRoom);
        }

        if (file is null)
        {
            return (check.Fault ?? inside) is { } wrong ? Wrong(wrong) : TooLarge(settings);
        }

        if (digest is not null && !digest.AsSpan().SequenceEqual(Convert.FromHexString(file.Sha256)))
        {
            store.Remove(file.StoredAs);
            return new Refused(FileRefusals.DigestDiffers, new($"收到 {file.Bytes} 字节，SHA-256 {file.Sha256}。", $"{file.Bytes} bytes arrived, SHA-256 {file.Sha256}."));
        }

        await transaction.BeginAsync(cancel);
        var answer = await KnowAsync(file, id, name, version, caller, transaction.Connection, clock.Now(), http, cancel);
        if (answer.Result is Refused)
        {
            store.Remove(file.StoredAs);
            return answer;
        }

        await transaction.CommitAsync(cancel);
        return answer;

        async Task<bool> LookInsideAsync(string path)
        {
            inside = format.Content == FileContent.Package ? await ZipPackage.CheckAsync(path, format, cancel) : null;
            return inside is null;
        }
    }

    /// <summary>From here on the dataset has the file.</summary>
    private static async Task<Results<Ok<FileView>, Refused>> KnowAsync(
        StoredFile file, Guid id, string name, DatasetVersion version, Caller caller, NpgsqlConnection connection, DateTimeOffset now, HttpContext http, CancellationToken cancel)
    {
        // The upload may have taken an hour: the entry must still be the one that the file was checked against.
        var dataset = (await Dataset.LockAsync(connection, id, cancel))!;
        if (http.IfMatch(dataset.Revision) is { } changed)
        {
            return changed;
        }

        await connection.ExecuteAsync(new CommandDefinition("""
            insert into dataset_files (dataset_id, name, file_version, entry_version, format, fields, stored_as, bytes, sha256, stored_at, stored_by, stored_by_name)
            values (@id, @name, (select coalesce(max(file_version), 0) + 1 from dataset_files where dataset_id = @id and name = @name), @Version, @Format, @fields, @StoredAs, @Bytes, @Sha256, @now, @Subject, @byName)
            """, new
        {
            id,
            name,
            version.Version,
            version.Entry.Format,
            fields = version.Entry.Fields!.Select(f => f.Name!).ToArray(),
            file.StoredAs,
            file.Bytes,
            file.Sha256,
            now,
            caller.Subject,
            byName = caller.Name,
        }, cancellationToken: cancel));
        await DatasetRoutes.TouchAsync(connection, id, cancel);
        await DatasetHistory.AddAsync(connection, id, version.Version, "file_stored", caller, Roles.Officer, now, cancel, note: $"{name}, {file.Bytes} bytes, sha256 {file.Sha256}");
        http.SetETag(dataset.Revision + 1);
        return TypedResults.Ok(FileView.Of((await DatasetFile.AllAsync(connection, id, cancel)).First(f => f.Name == name), newest: true, insider: true));
    }

    private static Refused TooLarge(FileSettings settings) =>
        new(FileRefusals.TooLarge, new($"上限为 {settings.LargestFile} 字节。", $"The limit is {settings.LargestFile} bytes."));

    private static Refused Wrong((string Rule, Text Message) fault)
    {
        var faults = new Faults();
        faults.Add("content", fault.Rule, null, fault.Message);
        return new Refused(faults, FileRefusals.WrongContent.Title);
    }

    /// <summary>The SHA-256 that the sender names (RFC 9530); other algorithms are not looked at.</summary>
    private static byte[]? Digest(HttpRequest request, Faults faults)
    {
        byte[]? digest = null;
        foreach (var header in (string[])["Content-Digest", "Repr-Digest"])
        {
            var sent = string.Join(',', request.Headers[header].AsEnumerable());
            if (!sent.Contains("sha-256=", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            var bytes = new byte[SHA256.HashSizeInBytes + 1];
            if (Sha256Item().Match(sent).Groups["value"] is not { Success: true } value || !Convert.TryFromBase64String(value.Value, bytes, out var length) || length != SHA256.HashSizeInBytes
                || (digest is not null && !digest.AsSpan().SequenceEqual(bytes.AsSpan(0, length))))
            {
                faults.Add(header, "digest", "RFC 9530", new("应为 sha-256=:<Base64>:，两个摘要头须一致。", "This must be sha-256=:<base64>:, and both headers must agree."));
                continue;
            }

            digest = bytes[..length];
        }

        return digest;
    }

    [GeneratedRegex("(^|,)\\s*sha-256=:(?<value>[A-Za-z0-9+/]{43}=):", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Sha256Item();
}
