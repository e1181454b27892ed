using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using DurableGateway.Storage;
using DurableGateway.Telemetry;

namespace DurableGateway.Runs;

/// <summary>
/// The attempts in flight on this node, and the one clock that watches over all of them: time-outs, runs that have been
/// in flight long enough to be stored, leases to renew. A timer for each would cost every request.
/// </summary>
internal sealed class AttemptRegistry(RunEngine engine, EngineSettings settings, TimeProvider time, ILogger<AttemptRegistry> log) : BackgroundService
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<RunId, Attempt> _attempts = new();
    private readonly ConcurrentDictionary<RunId, byte> _busy = new();

    public bool IsEmpty => _attempts.IsEmpty;

    public void Add(Attempt attempt) => _attempts[attempt.Run] = attempt;

    public bool TryGet(RunId run, [NotNullWhen(true)] out Attempt? attempt) => _attempts.TryGetValue(run, out attempt);

    /// <summary>Takes this very attempt out; a later one of the same run stays.</summary>
    public void Remove(Attempt attempt)
    {
        _attempts.TryRemove(KeyValuePair.Create(attempt.Run, attempt));
        attempt.Dispose();
    }

    public void InterruptAll(AttemptInterrupt reason)
    {
        foreach (var attempt in _attempts.Values) attempt.Interrupt(reason);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Leases are needed for as long as attempts are in flight, which is longer than the host calls "running".
        using var timer = new PeriodicTimer(Tick, time);
        while (await timer.WaitForNextTickAsync(CancellationToken.None) && !(stoppingToken.IsCancellationRequested && IsEmpty))
        {
            foreach (var attempt in _attempts.Values) Watch(attempt);
        }
    }

    private void Watch(Attempt attempt)
    {
        var now = time.GetTimestamp();
        var age = time.GetElapsedTime(attempt.Began, now);
        if (age >= attempt.Timeout) attempt.Interrupt(AttemptInterrupt.TimedOut);
        if (!attempt.IsStored)
        {
            if (age >= attempt.Policy.PersistAfter && !attempt.IsStreamingUnstored) Start(attempt, engine.EnsureStoredAsync);
        }
        else if (attempt.LeaseEnd != 0 && time.GetElapsedTime(now, attempt.LeaseEnd) < settings.Lease * (2.0 / 3))
        {
            Start(attempt, engine.RenewAsync);
        }
    }

    private void Start(Attempt attempt, Func<Attempt, Task> work)
    {
        if (_busy.TryAdd(attempt.Run, 0)) _ = WorkAsync(attempt, work);
    }

    private async Task WorkAsync(Attempt attempt, Func<Attempt, Task> work)
    {
        try
        {
            await work(attempt);
        }
        catch (StoreUnavailableException e)
        {
            log.NotRecorded(attempt.Run, attempt.Key.Number, e.Message);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The client went away, or the attempt ended, before its request had arrived whole.
        }
        catch (Exception e)
        {
            log.Unexpected(e, attempt.Run, attempt.Key.Number);
        }
        finally
        {
            _busy.TryRemove(attempt.Run, out _);
        }
    }
}
