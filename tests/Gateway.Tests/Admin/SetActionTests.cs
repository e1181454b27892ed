using System.Collections.Concurrent;
using System.Text;
using DurableGateway.Admin;
using DurableGateway.Cli;
using DurableGateway.Runs;
using DurableGateway.Tests.Contract;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Unit;

/// <summary>What goes on for a while, and can be stopped.</summary>
public sealed class SetActionTests
{
    [Fact]
    public async Task Set_IsStoppedInTheMiddle_AndSaysHowFarItGot()
    {
        var admin = new SlowAdmin();
        using var sets = new SetActions(admin, TimeProvider.System);
        var set = sets.Begin("retry", new RunAction.Retry(), new RunQuery(), "ann");
        admin.Go.Release(3);
        await Eventually.TrueAsync(() => set.ToJson() is { Done: 2, Refused: 1, State: "running" }, "three runs have been acted on");

        set.Stop();

        await Eventually.TrueAsync(() => set.ToJson().State == "stopped", "it has stopped");
        Assert.Equal((2, 1), (set.ToJson().Done, set.ToJson().Refused));
        Assert.NotNull(set.ToJson().EndedAt);
        Assert.Same(set, sets.Find(set.Id.ToString()));
    }

    [Fact]
    public async Task Tail_NamesRuns_AndWhatBecomesOfThem_UntilItIsStopped()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        using var client = new AdminClient(world.Gateway.Control.ToString(), null);
        await using var output = new Lines();
        using var stop = new CancellationTokenSource();
        var tail = RunTail.FollowAsync(client, output, null, null, json: false, stop.Token);
        var id = await world.ParkedRunAsync();
        await Eventually.TrueAsync(() => Said("waiting"), "the run is named");
        await world.DoAsync(id, "cancel");
        await Eventually.TrueAsync(() => Said("cancelled"), "its end is named");

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => tail);

        bool Said(string state) => output.Written.Count(line => line.Contains(id, StringComparison.Ordinal) && line.Contains(state, StringComparison.Ordinal)) == 1;
    }

    private sealed class Lines : TextWriter
    {
        public ConcurrentQueue<string> Written { get; } = new();

        public override Encoding Encoding => Encoding.UTF8;

        public override Task WriteLineAsync(string? value)
        {
            Written.Enqueue(value ?? "");
            return Task.CompletedTask;
        }
    }

    /// <summary>Has runs without end, and acts on one whenever it is let; every third is refused.</summary>
    private sealed class SlowAdmin : IRunAdmin
    {
        private int _count;

        public SemaphoreSlim Go { get; } = new(0);

        public Task<RunPage> ListAsync(RunQuery query, CancellationToken cancellation) => Task.FromResult(new RunPage(
            [.. Enumerable.Range(0, 2).Select(_ => new RunRow(Make.RunId(), "orders", "GET", "/", RunState.Waiting, false, 1, Make.Start, null, null, 0, 0, 0, null, null, 0))], "more"));

        public async Task<ActionResult> ActAsync(RunId run, RunAction action, string who, CancellationToken cancellation)
        {
            await Go.WaitAsync(cancellation);
            return new ActionResult(Interlocked.Increment(ref _count) % 3 != 0);
        }

        public Task<RunDetail?> GetAsync(RunId run, CancellationToken cancellation) => throw new NotSupportedException();

        public Task<Overview> GetOverviewAsync(CancellationToken cancellation) => throw new NotSupportedException();
    }
}
