namespace DurableGateway.Storage;

/// <summary>
/// Shares a costly operation among callers. One round runs at a time. Callers that arrive during a round share the next one, so a round
/// always begins after its callers have arrived.
/// </summary>
internal sealed class SharedRound<T>
{
    private readonly object _lock = new();
    private Task _current = Task.CompletedTask;
    private Task<T>? _next;

    public Task<T> JoinAsync(Func<Task<T>> round)
    {
        lock (_lock) return _next ??= RunAsync(_current, round);
    }

    private async Task<T> RunAsync(Task before, Func<Task<T>> round)
    {
        await Task.Yield();
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock) (_current, _next) = (_next!, null);
        return await round();
    }
}
