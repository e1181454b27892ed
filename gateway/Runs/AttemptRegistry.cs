using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// The attempts in flight on this node, and their common clock. The clock handles time-outs, stores runs that have been in flight for long
/// enough, and renews leases. A timer for each attempt would cost every request.
/// </summary>
internal sealed class AttemptRegistry : BackgroundService
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    /// <summary>The number of ticks without an attempt after which the clock stops, so that an idle node does not wake up.</summary>
    private const int MaxIdleTicks = 20;

    private readonly ConcurrentDictionary<RunId, Attempt> _attempts = new();

    private readonly RunEngine _engine;
    private readonly EngineSettings _settings;
    private readonly TimeProvider _time;
    private readonly ILogger<AttemptRegistry> _log;
    private readonly TimeSpan _storeRetry;
    private readonly PeriodicTimer _clock;
    private int _isClockStopped;
    private TaskCompletionSource? _drained;
    private AttemptInterrupt _interruptAll;

    public AttemptRegistry(RunEngine engine, IRunSignals signals, EngineSettings settings, TimeProvider time, ILogger<AttemptRegistry> log)
    {
        (_engine, _settings, _time, _log) = (engine, settings, time, log);
        _clock = new PeriodicTimer(Tick, time);
        _storeRetry = TimeSpan.FromMilliseconds(Math.Min(500, settings.Lease.TotalMilliseconds / 10));
        signals.EndHeard += run =>
        {
            if (_attempts.TryGetValue(run, out var attempt)) attempt.Lose();
        };
    }

    public bool IsEmpty => _attempts.IsEmpty;

    /// <summary>The number of attempts in flight. Reading it is expensive.</summary>
    public int Count => _attempts.Count;

    /// <summary>Adds an attempt. An earlier attempt of the same run has lost the run.</summary>
    public void Add(Attempt attempt)
    {
        while (!_attempts.TryAdd(attempt.Run, attempt))
        {
            if (_attempts.TryRemove(attempt.Run, out var earlier)) earlier.Lose();
        }

        if (_interruptAll != AttemptInterrupt.None) attempt.Interrupt(_interruptAll);

        // The attempt is visible before the state of the clock is read: see StopClock.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _isClockStopped) != 0) StartClock();
    }

    public bool TryGet(RunId run, [NotNullWhen(true)] out Attempt? attempt) => _attempts.TryGetValue(run, out attempt);

    /// <summary>Removes this attempt. A later attempt of the same run stays.</summary>
    public void Remove(Attempt attempt)
    {
        _attempts.TryRemove(KeyValuePair.Create(attempt.Run, attempt));
        attempt.Dispose();

        // Nobody waits until the gateway stops, and to see that nothing is left takes all locks.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _drained) is { } drained && IsEmpty) drained.TrySetResult();
    }

    /// <summary>Completes when no attempt is in flight.</summary>
    public Task WhenEmptyAsync()
    {
        var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var drained = Interlocked.CompareExchange(ref _drained, mine, null) ?? mine;
        if (IsEmpty) drained.TrySetResult();
        return drained.Task;
    }

    /// <summary>Interrupts the attempts in flight, and all that begin later.</summary>
    public void InterruptAll(AttemptInterrupt reason)
    {
        _interruptAll = reason;
        foreach (var (_, attempt) in _attempts) attempt.Interrupt(reason);
    }

    public override void Dispose()
    {
        _clock.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Leases must be renewed while attempts are in flight, which is longer than the host counts as running.
        await using var stopping = stoppingToken.Register(StartClock);
        var idleTicks = 0;
        while (await _clock.WaitForNextTickAsync(CancellationToken.None) && !(stoppingToken.IsCancellationRequested && IsEmpty))
        {
            WatchAll();
            idleTicks = IsEmpty ? idleTicks + 1 : 0;
            if (idleTicks < MaxIdleTicks) continue;
            idleTicks = 0;
            StopClock(stoppingToken);
        }
    }

    /// <summary>Stops the clock until an attempt begins or the host stops.</summary>
    private void StopClock(CancellationToken stoppingToken)
    {
        _clock.Period = Timeout.InfiniteTimeSpan;
        Interlocked.Exchange(ref _isClockStopped, 1);

        // Who adds an attempt first adds it and then reads the state of the clock. One of the two sees the other.
        if (!IsEmpty || stoppingToken.IsCancellationRequested) StartClock();
    }

    private void StartClock()
    {
        if (Interlocked.Exchange(ref _isClockStopped, 0) != 0) _clock.Period = Tick;
    }

    /// <summary>
    /// Enumerates without a lock. <c>Values</c> would take all locks for a copy, and block every request that enters or leaves.
    /// </summary>
    internal void WatchAll()
    {
        foreach (var (_, attempt) in _attempts) Watch(attempt);
    }

    private void Watch(Attempt attempt)
    {
        if (attempt.IsOver) return;
        var now = _time.GetTimestamp();
        if (attempt.IsLate(now)) TimeOut(attempt);
        switch (attempt.TakeWork(now, _settings.Lease * (2.0 / 3)))
        {
            case AttemptWork.Store:
                _ = WorkAsync(attempt, _engine.EnsureStoredAsync);
                break;
            case AttemptWork.RenewLease:
                _ = WorkAsync(attempt, _engine.RenewAsync);
                break;
        }
    }

    /// <summary>Interrupts an attempt. An exception from a cancellation callback must not stop the clock of all attempts.</summary>
    private void TimeOut(Attempt attempt)
    {
        try
        {
            attempt.Interrupt(AttemptInterrupt.TimedOut);
        }
        catch (AggregateException e)
        {
            _log.Unexpected(e, attempt.Run, attempt.Key.Number);
        }
    }

    private async Task WorkAsync(Attempt attempt, Func<Attempt, Task> work)
    {
        // The work for an attempt is part of its span.
        if (attempt.Span is { } span) Activity.Current = span;
        var pause = TimeSpan.Zero;
        try
        {
            await work(attempt);
        }
        catch (StoreUnavailableException e)
        {
            pause = _storeRetry;
            _log.WriteRetried(attempt.Run, attempt.Key.Number, e.Message);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The client disconnected or the attempt ended before the whole request arrived.
        }
        catch (Exception e)
        {
            _log.Unexpected(e, attempt.Run, attempt.Key.Number);
        }
        finally
        {
            attempt.EndWork(pause);
        }
    }
}
