using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Tests.Runs;

[Trait("Category", "Unit")]
public sealed class AttemptRegistryTests
{
    private const int Attempts = 10_000;

    /// <summary>This runs twenty times a second. A copy would hold all locks while requests wait to be added or removed.</summary>
    [Fact]
    public void Watching_CopiesNothing()
    {
        using var registry = new AttemptRegistry(null!, new NoSignals(), new EngineSettings(TimeSpan.FromSeconds(10)), TimeProvider.System,
            NullLogger<AttemptRegistry>.Instance);
        for (var i = 0; i < Attempts; i++)
        {
            registry.Add(new Attempt(new AttemptKey(Make.RunId(), 1, "a"), new RunPolicy(), "r", Make.Start,
                long.MaxValue, TimeProvider.System)
            { Timeout = TimeSpan.FromHours(1) });
        }

        registry.WatchAll();
        var before = GC.GetAllocatedBytesForCurrentThread();
        registry.WatchAll();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Attempts);
    }

    [Fact]
    public async Task Clock_StoresARunThatIsInFlightForAWhile_AndTriesAgainAfterAPause()
    {
        var bench = new EngineBench();
        using var registry = Registry(bench);
        var live = bench.Live();
        registry.Add(live);
        registry.WatchAll();
        Assert.Empty(bench.Store.Calls);

        bench.Store.CreateRunning = () => throw EngineBench.Refused;
        bench.Time.Advance(live.Policy.PersistAfter);
        await UntilAsync(registry, () => bench.Store.Calls.Count == 1);
        bench.Store.CreateRunning = () => Task.FromResult(true);

        // The pause starts when the clock notices the failure, on another thread.
        await UntilAsync(registry, () =>
        {
            bench.Time.Advance(TimeSpan.FromSeconds(1));
            return live.State == AttemptState.Running;
        });
        registry.Remove(live);
    }

    [Fact]
    public async Task Clock_RenewsLeases_AndAbortsWhatHasLostIts()
    {
        var bench = new EngineBench();
        using var registry = Registry(bench);
        var (kept, lost) = (bench.Replay(), bench.Replay());
        registry.Add(kept);
        bench.Time.Advance(EngineBench.Lease / 2);
        await UntilAsync(registry, () => bench.Store.Calls.Count == 1);
        bench.Time.Advance(EngineBench.Lease * 0.75);
        Assert.True(kept.HoldsLease);
        registry.Remove(kept);

        bench.Store.Renew = () => Task.FromResult(false);
        registry.Add(lost);
        await UntilAsync(registry, () => lost.State == AttemptState.Lost);
        registry.Remove(lost);
    }

    [Fact]
    public void LaterAttemptOfARun_TakesItFromTheEarlier()
    {
        var bench = new EngineBench();
        using var registry = Registry(bench);
        var earlier = bench.Replay();
        var later = new Attempt(
            earlier.Key with { Number = 3 }, earlier.Policy, earlier.Route, earlier.StartedAt, long.MaxValue, bench.Time)
        {
            Timeout = TimeSpan.FromMinutes(1),
        };
        registry.Add(earlier);
        registry.Add(later);
        Assert.Equal((AttemptState.Lost, AttemptState.Running), (earlier.State, later.State));
        registry.Remove(earlier);
        Assert.True(registry.TryGet(later.Run, out var found) && found == later);
        registry.Remove(later);
        Assert.True(registry.WhenEmptyAsync().IsCompleted);
    }

    /// <summary>An idle node would otherwise wake up twenty times a second.</summary>
    [Fact]
    public async Task Clock_StopsWithoutAttempts_AndStartsWithTheNext_AndForTheEndOfTheHost()
    {
        var time = new TimerCount();
        var bench = new EngineBench(time);
        using var registry = Registry(bench);
        await registry.StartAsync(CancellationToken.None);
        Assert.True(IsRunning());
        await Eventually.TrueAsync(() => !IsRunning(), "the clock stops");

        var live = bench.Live();
        registry.Add(live);
        Assert.True(IsRunning());
        await Eventually.TrueAsync(() => IsRunning() && bench.Store.Calls.Count == 1, "the clock stores the run");
        registry.Remove(live);
        await Eventually.TrueAsync(() => !IsRunning(), "the clock stops again");

        var stopped = registry.StopAsync(CancellationToken.None);
        Assert.True(IsRunning());
        await stopped.WaitAsync(TimeSpan.FromSeconds(60));

        bool IsRunning()
        {
            var before = time.Fired;
            time.Advance(TimeSpan.FromSeconds(1));
            return time.Fired > before;
        }
    }

    private static AttemptRegistry Registry(EngineBench bench) =>
        new(bench.Engine, new NoSignals(), new EngineSettings(EngineBench.Lease), bench.Time, NullLogger<AttemptRegistry>.Instance);

    /// <summary>Work that the clock starts continues in the background.</summary>
    private static Task UntilAsync(AttemptRegistry registry, Func<bool> condition) => Eventually.TrueAsync(() =>
    {
        registry.WatchAll();
        return condition();
    }, "the clock has done it");

    /// <summary>Counts how often timers fire.</summary>
    private sealed class TimerCount() : FakeTimeProvider(Make.Start)
    {
        private int _fired;

        public int Fired => Volatile.Read(ref _fired);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => base.CreateTimer(
            value =>
            {
                Interlocked.Increment(ref _fired);
                callback(value);
            },
            state, dueTime, period);
    }

    private sealed class NoSignals : IRunSignals
    {
        public event Action<RunId>? EndHeard
        {
            add { }
            remove { }
        }

        public void Parked(RunId run, DateTimeOffset due)
        {
        }

        public void HandedBack(RunId run, DateTimeOffset due)
        {
        }
    }
}
