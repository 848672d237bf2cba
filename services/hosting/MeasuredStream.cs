using System.Security.Cryptography;

namespace Exchange.Hosting;

/// <summary>Writes through to another stream and keeps count and SHA-256 of what went by: what a delivery's record says about its body. Nothing is buffered.</summary>
/// <param name="inner">Where it goes.</param>
/// <param name="allow">Told before each write how many bytes went by and how many more there are; throws when they may not pass.</param>
public sealed class MeasuredStream(Stream inner, Action<long, int>? allow = null) : Stream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private bool broken;

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
        Check(buffer.Length);
        Measure(buffer);
        broken = true;
        inner.Write(buffer);
        broken = false;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Check(buffer.Length);
        broken = true;
        ValueTask write;
        try
        {
            write = inner.WriteAsync(buffer, cancellationToken);
        }
        finally
        {
            // Hashed while it is on its way.
            Measure(buffer.Span);
        }

        await write;
        broken = false;
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

    /// <summary>After a write that failed nothing more counts: a writer that is closed then tries to send again what it still holds.</summary>
    private void Check(int more)
    {
        if (broken)
        {
            throw new IOException("The stream broke off before.");
        }

        allow?.Invoke(Count, more);
    }

    // Also what was not taken whole: of a write that is cut off nobody can say how much of it has left. The reader got this much at most.
    private void Measure(ReadOnlySpan<byte> sent)
    {
        hash.AppendData(sent);
        Count += sent.Length;
    }
}
