namespace DurableGateway.Storage;

/// <summary>
/// Something costly that many wait for and that may be done for all of them at once. One round at a time; who comes while one is
/// under way shares the next, which begins after they came.
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
