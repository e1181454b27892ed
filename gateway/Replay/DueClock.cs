using DurableGateway.Protocol;

namespace DurableGateway.Replay;

/// <summary>
/// Records for each shard when its next run is due, as far as this node knows, and wakes the waiting loop at that time. It holds one number
/// per shard and nothing per run.
/// </summary>
internal sealed class DueClock(int shards, TimeProvider time)
{
    private const long Never = long.MaxValue;

    private readonly long[] _next = [.. Enumerable.Repeat(Never, shards)];
    private TaskCompletionSource _earlier = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Shards => _next.Length;

    public void Hear(RunId run, DateTimeOffset due) => Hear(run.Shard(_next.Length), due);

    public void Hear(int shard, DateTimeOffset due)
    {
        var milliseconds = due.ToUnixTimeMilliseconds();
        var known = Volatile.Read(ref _next[shard]);
        while (milliseconds < known)
        {
            var seen = Interlocked.CompareExchange(ref _next[shard], milliseconds, known);
            if (seen == known)
            {
                Interlocked.Exchange(ref _earlier, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
                return;
            }

            known = seen;
        }
    }

    /// <summary>
    /// Returns the shards that are due, with their due times, and removes those times. The caller reports again what it does not claim.
    /// </summary>
    public List<(int Shard, DateTimeOffset Due)> TakeDue()
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var due = new List<(int, DateTimeOffset)>();
        for (var shard = 0; shard < _next.Length; shard++)
        {
            if (Volatile.Read(ref _next[shard]) > now) continue;
            due.Add((shard, DateTimeOffset.FromUnixTimeMilliseconds(Interlocked.Exchange(ref _next[shard], Never))));
        }

        return due;
    }

    /// <summary>Waits until a shard is due, for at most the given time, or until another task completes.</summary>
    public async Task WaitAsync(TimeSpan atMost, Task? other, CancellationToken cancellation)
    {
        while (true)
        {
            var earlier = Volatile.Read(ref _earlier);
            var earliest = Never;
            for (var shard = 0; shard < _next.Length; shard++) earliest = Math.Min(earliest, Volatile.Read(ref _next[shard]));
            var wait = earliest == Never ? atMost : DateTimeOffset.FromUnixTimeMilliseconds(earliest) - time.GetUtcNow();
            if (wait <= TimeSpan.Zero) return;
            using var woken = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var delay = Task.Delay(wait < atMost ? wait : atMost, time, woken.Token);
            var first = await (other is null ? Task.WhenAny(delay, earlier.Task) : Task.WhenAny(delay, earlier.Task, other));
            await woken.CancelAsync();
            cancellation.ThrowIfCancellationRequested();
            if (first != earlier.Task) return;
        }
    }
}
