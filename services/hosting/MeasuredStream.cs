using System.Security.Cryptography;

namespace Exchange.Hosting;

/// <summary>Writes through to another stream and keeps count and SHA-256 of what went by: what a delivery's record says about its body. Nothing is buffered.</summary>
/// <param name="inner">Where it goes.</param>
/// <param name="allow">Told before each write how many bytes went by and how many more there are; throws when they may not pass.</param>
public sealed class MeasuredStream(Stream inner, Action<long, int>? allow = null) : Stream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public long Count { get; private set; }

    /// <summary>Lower-case hex of the bytes so far.</summary>
    public string Sha256 => Convert.ToHexStringLower(hash.GetCurrentHash());

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        allow?.Invoke(Count, buffer.Length);
        Measure(buffer);
        inner.Write(buffer);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        allow?.Invoke(Count, buffer.Length);
        // Hashed while it is on its way.
        try
        {
            return inner.WriteAsync(buffer, cancellationToken);
        }
        finally
        {
            Measure(buffer.Span);
        }
    }

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            hash.Dispose();
        }

        base.Dispose(disposing);
    }

    // Also what was not taken whole: of a write that is cut off nobody can say how much of it has left. The reader got this much at most.
    private void Measure(ReadOnlySpan<byte> sent)
    {
        hash.AppendData(sent);
        Count += sent.Length;
    }
}
