namespace DurableGateway.Admin;

/// <summary>An action on all runs that a filter names, under way on this node.</summary>
internal sealed class SetAction(string name, DateTimeOffset startedAt) : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private int _done;
    private int _refused;
    private volatile Ending? _ending;

    public Guid Id { get; } = Guid.NewGuid();
    public DateTimeOffset StartedAt => startedAt;
    public DateTimeOffset? EndedAt => _ending?.At;
    public CancellationToken Stopped => _stop.Token;

    public void Count(bool done) => Interlocked.Increment(ref done ? ref _done : ref _refused);

    public void Stop() => _stop.Cancel();

    public void End(string state, DateTimeOffset at, string? problem = null) => _ending = new Ending(state, at, problem);

    public ProgressJson ToJson() => new(Id.ToString(), name, _ending?.State ?? "running", Volatile.Read(ref _done), Volatile.Read(ref _refused), startedAt, _ending?.At, _ending?.Problem);

    public void Dispose() => _stop.Dispose();

    private sealed record Ending(string State, DateTimeOffset At, string? Problem);
}
