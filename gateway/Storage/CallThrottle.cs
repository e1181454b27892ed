namespace DurableGateway.Storage;

/// <summary>Can suspend calls briefly: calls in flight complete, and further calls wait.</summary>
internal sealed class CallThrottle
{
    private readonly object _lock = new();
    private int _inside;
    private TaskCompletionSource? _open;
    private TaskCompletionSource? _empty;

    public async ValueTask EnterAsync()
    {
        while (true)
        {
            Task closed;
            lock (_lock)
            {
                if (_open is null)
                {
                    _inside++;
                    return;
                }

                closed = _open.Task;
            }

            await closed;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            if (--_inside == 0) _empty?.TrySetResult();
        }
    }

    /// <summary>Runs an action while no call is in flight.</summary>
    public async Task WhileClosedAsync(Func<Task> work)
    {
        TaskCompletionSource open = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            (_open, _empty) = (open, empty);
            if (_inside == 0) empty.SetResult();
        }

        try
        {
            await empty.Task;
            await work();
        }
        finally
        {
            lock (_lock) (_open, _empty) = (null, null);
            open.SetResult();
        }
    }
}
