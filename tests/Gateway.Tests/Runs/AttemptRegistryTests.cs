using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace DurableGateway.Tests.Runs;

[Trait("Category", "Unit")]
public sealed class AttemptRegistryTests
{
    private const int Attempts = 10_000;

    /// <summary>Twenty times a second: a copy would be made with all locks held, while every request waits that enters or leaves.</summary>
    [Fact]
    public void Watching_CopiesNothing()
    {
        using var registry = new AttemptRegistry(null!, new NoSignals(), new EngineSettings(TimeSpan.FromSeconds(10)), TimeProvider.System,
            NullLogger<AttemptRegistry>.Instance);
        for (var i = 0; i < Attempts; i++)
        {
            registry.Add(new Attempt(new AttemptKey(Make.RunId(), 1, "a"), new RunPolicy(), "r", Make.Start,
                TimeProvider.System.GetTimestamp())
            { Timeout = TimeSpan.FromHours(1) });
        }

        registry.WatchAll();
        var before = GC.GetAllocatedBytesForCurrentThread();
        registry.WatchAll();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Attempts);
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

        public void Ended(RunId run)
        {
        }
    }
}
