namespace Exchange.Hosting.Messaging;

/// <summary>Wakes this process's relay right after a commit; polling stays the net for everything else.</summary>
public sealed class RelaySignal : IDisposable
{
    private readonly SemaphoreSlim woken = new(0, 1);

    public void Wake()
    {
        if (woken.CurrentCount == 0)
        {
            try
            {
                woken.Release();
            }
            catch (SemaphoreFullException)
            {
                // Two commits at once: one wake is enough for both.
            }
        }
    }

    public Task WaitAsync(TimeSpan atMost, CancellationToken cancel) => woken.WaitAsync(atMost, cancel);

    public void Dispose() => woken.Dispose();
}
