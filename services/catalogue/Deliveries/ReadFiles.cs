using System.Buffers;
using System.Globalization;
using Exchange.Catalogue.Files;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// Files under a grant (RFC 9110: ranges, validators), from the disk in constant memory. Each GET that sends bytes is a delivery of its own, a range too; what sends none (HEAD, 304, 416) is none.
/// A file goes out whole or by the range asked for, never with data items left out: only files whose entry had no item besides the granted ones are there. Older versions can be had as long as they stay,
/// so that a download that began before a new version came can be resumed, and what was used can be held against what replaced it (art. 26).
/// </summary>
internal sealed class ReadFiles(Database database, FileStore store, Transfer transfer, ServiceSettings service)
{
    private const int Piece = 128 << 10;

    private static readonly Rule NoSuchRange = new("range-not-satisfiable", StatusCodes.Status416RangeNotSatisfiable, "RFC 9110",
        new("请求的范围超出文件。", "The range asked for lies outside the file."),
        new("文件的长度见 Content-Range 响应头。", "See the Content-Range header for the file's length."));

    public static void Map(RouteGroupBuilder grants)
    {
        grants.MapGet("/{id:guid}/files", (Guid id, Caller caller, City city, ReadFiles reader, HttpContext http) => reader.ListAsync(id, caller, city, http))
            .AllowCallers(Roles.Integrator, Roles.Officer)
            .WithSummary("The files that can be fetched under a grant, with size and SHA-256, newest version first.");
        grants.MapMethods("/{id:guid}/files/{name}", [HttpMethods.Get, HttpMethods.Head],
            (Guid id, string name, int? version, Caller caller, City city, ReadFiles reader, HttpContext http) => reader.HandleAsync(id, name, version, caller, city, http))
            .AllowCallers(Roles.Integrator, Roles.Officer)
            .WithSummary("A file of a granted dataset, whole or by a single range (Range, If-Range); version takes an older one. Each GET that sends bytes is a delivery of its own (header Exchange-Delivery-Id).")
            .Produces<Stream>(StatusCodes.Status200OK, "application/octet-stream").Produces<Stream>(StatusCodes.Status206PartialContent, "application/octet-stream")
            .Produces(StatusCodes.Status304NotModified).Produces<Problem>(StatusCodes.Status416RangeNotSatisfiable, "application/problem+json");
    }

    private async Task<Results<Ok<FileList>, Refused>> ListAsync(Guid id, Caller caller, City city, HttpContext http)
    {
        var cancel = http.RequestAborted;
        var (entered, refused) = await transfer.EnterAsync(id, caller, city, http);
        if (entered is not { } grant)
        {
            return refused!;
        }

        await using var connection = await database.OpenAsync(cancel);
        var files = await DatasetFile.DeliverableAsync(connection, grant.DatasetId, grant.Scope, cancel);
        return TypedResults.Ok(new FileList(FileView.Of(files, insider: false, $"{service.PublicAddress}/api/cities/{city.Id}/grants/{id}/files")));
    }

    private async Task<IResult> HandleAsync(Guid id, string name, int? version, Caller caller, City city, HttpContext http)
    {
        var cancel = http.RequestAborted;
        var (entered, refused) = await transfer.EnterAsync(id, caller, city, http);
        if (entered is not { } grant)
        {
            return refused!;
        }

        DatasetFile? found;
        await using (var connection = await database.OpenAsync(cancel))
        {
            name = name.Normalize();
            found = (await DatasetFile.DeliverableAsync(connection, grant.DatasetId, grant.Scope, cancel)).FirstOrDefault(f => f.Name == name && (version is null || f.FileVersion == version));
        }

        if (found is null)
        {
            return Pipeline.NotFound();
        }

        var request = FileRequest.Of(http.Request, found);
        if (request.Refusal is { } changed)
        {
            return changed;
        }

        if (request.NotModified)
        {
            Describe(http.Response, found);
            return Results.StatusCode(StatusCodes.Status304NotModified);
        }

        if (request.Unsatisfiable)
        {
            http.Response.Headers.ContentRange = $"bytes */{found.Bytes.ToString(CultureInfo.InvariantCulture)}";
            return new Refused(NoSuchRange, new($"文件共 {found.Bytes} 字节。", $"The file has {found.Bytes} bytes."));
        }

        if (HttpMethods.IsHead(http.Request.Method))
        {
            Describe(http.Response, found);
            http.Response.ContentLength = found.Bytes;
            return Results.Empty;
        }

        if (transfer.Behind is { } behind)
        {
            return behind;
        }

        await using var file = store.Open(found.StoredAs);
        if (file is null || file.Length != found.Bytes)
        {
            return new Refused(Transfer.SourceSilent) { RetryAfter = 10 };
        }

        return await transfer.RunAsync(http, grant, caller.Subject, Ship(file, found, request));
    }

    private static Shipment Ship(FileStream file, DatasetFile found, FileRequest request)
    {
        var facts = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["file_version"] = found.FileVersion.ToString(CultureInfo.InvariantCulture),
            ["file_sha256"] = found.Sha256,
        };
        if (request.Range is { } range)
        {
            facts["range"] = range;
        }

        return new Shipment
        {
            Form = "file",
            Fields = found.Fields,
            FileName = found.Name,
            Facts = facts,
            Bytes = request.Length,
            Head = response =>
            {
                Describe(response, found);
                response.ContentLength = request.Length;
                if (request.Range is { } part)
                {
                    response.StatusCode = StatusCodes.Status206PartialContent;
                    response.Headers.ContentRange = part;
                }
            },
            Write = (body, stop) => CopyAsync(file, request.From, request.Length, body, stop),
        };
    }

    private static void Describe(HttpResponse response, DatasetFile file)
    {
        var disposition = new ContentDispositionHeaderValue("attachment");
        disposition.SetHttpFileName(file.Name);
        response.ContentType = file.MediaType;
        response.Headers.ContentDisposition = disposition.ToString();
        response.Headers.ETag = file.ETag;
        response.Headers.LastModified = HeaderUtilities.FormatDate(file.Modified);
        response.Headers.AcceptRanges = "bytes";
        response.Headers["Repr-Digest"] = file.ReprDigest;
        response.Headers["Exchange-File-Version"] = file.FileVersion.ToString(CultureInfo.InvariantCulture);
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.ContentSecurityPolicy = "sandbox; default-src 'none'";
        response.Headers.CacheControl = "no-store";
    }

    private static async Task CopyAsync(FileStream file, long from, long length, Stream body, CancellationToken stop)
    {
        var piece = ArrayPool<byte>.Shared.Rent(Piece);
        try
        {
            while (length > 0)
            {
                int read;
                try
                {
                    read = await RandomAccess.ReadAsync(file.SafeFileHandle, piece.AsMemory(0, (int)Math.Min(Piece, length)), from, stop);
                }
                catch (IOException fault)
                {
                    throw new SourceFailedException("The file cannot be read on.", fault);
                }

                if (read == 0)
                {
                    throw new SourceFailedException("The file ends before its length.");
                }

                await body.WriteAsync(piece.AsMemory(0, read), stop);
                (from, length) = (from + read, length - read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
        }
    }
}
