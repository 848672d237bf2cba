using System.Globalization;
using Exchange.Catalogue.Files;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.Headers;
using Microsoft.Net.Http.Headers;

namespace Exchange.Catalogue.Deliveries;

/// <summary>What of a file is asked for, after its conditions (RFC 9110 13 and 14). Several ranges at once, other units and what cannot be read are ignored, as the RFC allows: the whole file comes.</summary>
internal sealed record FileRequest
{
    public long From { get; private init; }

    /// <summary>Bytes to send.</summary>
    public long Length { get; private init; }

    /// <summary>Content-Range of a part; null when the whole file is sent.</summary>
    public string? Range { get; private init; }

    /// <summary>The asking side has it already.</summary>
    public bool NotModified { get; private init; }

    /// <summary>The range lies behind the end.</summary>
    public bool Unsatisfiable { get; private init; }

    /// <summary>The asking side wanted another version of it (If-Match, If-Unmodified-Since).</summary>
    public Refused? Refusal { get; private init; }

    public static FileRequest Of(HttpRequest request, DatasetFile file)
    {
        var headers = request.GetTypedHeaders();
        var tag = EntityTagHeaderValue.Parse(file.ETag);
        var whole = new FileRequest { Length = file.Bytes };
        if (headers.IfMatch is { Count: > 0 } wanted
            ? !wanted.Any(t => t.Equals(EntityTagHeaderValue.Any) || t.Compare(tag, useStrongComparison: true))
            : headers.IfUnmodifiedSince is { } unmodified && file.Modified > unmodified)
        {
            return whole with { Refusal = new Refused(RouteWrites.VersionChanged) };
        }

        if (headers.IfNoneMatch is { Count: > 0 } known
            ? known.Any(t => t.Equals(EntityTagHeaderValue.Any) || t.Compare(tag, useStrongComparison: false))
            : headers.IfModifiedSince is { } modified && file.Modified <= modified)
        {
            return whole with { NotModified = true };
        }

        return HttpMethods.IsGet(request.Method) && IfRangeHolds(headers, tag, file) && headers.Range is { Unit.Value: "bytes", Ranges: { Count: 1 } ranges } ? Part(ranges.Single(), file.Bytes) : whole;
    }

    private static bool IfRangeHolds(RequestHeaders headers, EntityTagHeaderValue tag, DatasetFile file) =>
        headers.IfRange is not { } ifRange
            ? headers.Headers.IfRange.Count == 0
            : ifRange.EntityTag is { } sent ? sent.Compare(tag, useStrongComparison: true) : ifRange.LastModified == file.Modified;

    private static FileRequest Part(RangeItemHeaderValue range, long bytes)
    {
        var (from, to) = range switch
        {
            { From: { } first, To: { } last } => (first, Math.Min(last, bytes - 1)),
            { From: { } first } => (first, bytes - 1),
            _ => (Math.Max(0, bytes - range.To!.Value), bytes - 1),
        };
        return from >= bytes || (range.From is null && range.To == 0)
            ? new FileRequest { Unsatisfiable = true }
            : new FileRequest
            {
                From = from,
                Length = to - from + 1,
                Range = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to}/{bytes}"),
            };
    }
}
