namespace Exchange.Gateway.Federation;

/// <summary>Wakes all who wait for something. The one that is registered tells that this replica's index has taken in a change: it listens to the database for all who follow.</summary>
internal sealed class Signal
{
    private TaskCompletionSource next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when it is told next. Whoever takes it before looking misses nothing.</summary>
    public Task Next => Volatile.Read(ref next).Task;

    public void Tell() => Interlocked.Exchange(ref next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
}
