using System.Globalization;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>
/// How many commands Redis executes for a run, including the commands within scripts. The count does not depend on the machine, so the
/// bound detects every change that needs more commands.
/// </summary>
public sealed class CommandCountTests
{
    private const string Owner = "node";
    private const int Runs = 64;

    public CommandCountTests() => RedisServer.SkipIfMissing();

    /// <summary>The run is stored when it starts, and has no steps.</summary>
    [Fact]
    public Task Run_WithoutSteps() => AssertAtMostAsync(13, 3, (node, run) => RunAsync(node, run, steps: 0));

    [Fact]
    public Task Run_OfOneStep() => AssertAtMostAsync(16, 3, (node, run) => RunAsync(node, run, steps: 1));

    [Fact]
    public Task Run_OfTenSteps() => AssertAtMostAsync(67, 6, (node, run) => RunAsync(node, run, steps: 10));

    /// <summary>The run is stored when its first attempt has failed. The second attempt completes it.</summary>
    [Fact]
    public Task Run_ThatFailsOnce() => AssertAtMostAsync(23, 3, async (node, run) =>
    {
        await node.Store.CreateWaitingAsync(run, Owner, Make.Start, new AttemptNote("503"), counts: true, null);
        var due = await node.Store.GetDueAsync(0, Make.Start, 1, [], default, 1);
        Assert.Equal(run.Id, Assert.Single(due.Runs).Id);
        Assert.NotNull(await node.Store.ClaimAsync(run.Id, Owner, Make.Start, Make.Start.AddSeconds(20), 1));
        await EndAsync(node, run, attempt: 2, nonce: 1);
    });

    private static async Task RunAsync(StoreNode node, NewRun run, int steps)
    {
        var lease = Make.Start.AddSeconds(20);
        if (steps == 0)
        {
            await node.Store.CreateRunningAsync(run, Owner, lease);
        }
        else
        {
            var first = new StepReport.Ended(Make.Outcome("step-b"), 100, null, "");
            Assert.Equal(StepVerdict.Created, (await node.Store.CreateRunningAsync(run, Owner, lease, first)).Step!.Value.Verdict);
        }

        for (var i = 2; i <= steps; i++)
            Assert.Equal(StepVerdict.Created, (await node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"step-{(char)('a' + i)}"), 100))
                .Verdict);
        await EndAsync(node, run, attempt: 1, nonce: 0);
    }

    private static async Task EndAsync(StoreNode node, NewRun run, int attempt, uint nonce) =>
        Assert.Equal(ParkVerdict.Done, (await node.Store.EndAsync(
            new AttemptKey(run.Id, attempt, Owner, nonce), RunState.Completed, Make.Response(), run.Policy)).Verdict);

    /// <param name="transitions">The maximum number of commands for each run until it has ended.</param>
    /// <param name="index">The maximum number of commands for each run until the index lists it, if many runs are indexed at once.</param>
    /// <param name="live">Executes the transitions of a run.</param>
    private static async Task AssertAtMostAsync(double transitions, double index, Func<StoreNode, NewRun, Task> live)
    {
        await using var server = await RedisServer.StartAsync();
        await using var node = await StoreNode.OpenAsync(StoreFixture.Settings($"{server.ConnectionString},allowAdmin=true", shards: 1));

        // The first call of a script also sends its text.
        await live(node, Make.Run());
        await node.Index.FlushAsync();
        var before = await CountAsync(node);
        for (var i = 0; i < Runs; i++) await live(node, Make.Run());
        var ended = await CountAsync(node);
        await node.Index.FlushAsync();
        var listed = await CountAsync(node);
        var (toEnd, toList) = (Rest(before, ended), Rest(ended, listed));
        TestContext.Current.TestOutputHelper?.WriteLine($"{toEnd} commands for a run, {toList} for its places in the index");
        Assert.InRange(Sum(toEnd), 1, transitions);
        Assert.InRange(Sum(toList), 1, index);

        static double Sum(string counts) => double.Parse(counts.Split(' ')[0], CultureInfo.InvariantCulture);
    }

    /// <summary>The commands between two counts, per run: the total, then each command.</summary>
    private static string Rest(Dictionary<string, long> before, Dictionary<string, long> after)
    {
        var counts = after.Select(count => (count.Key, Calls: count.Value - before.GetValueOrDefault(count.Key)))
            .Where(count => count.Calls > 0 && count.Key is not ("info" or "ping" or "time"))
            .OrderByDescending(count => count.Calls).ToList();
        var each = counts.Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Key} {count.Calls / (double)Runs:0.##}"));
        return string.Create(CultureInfo.InvariantCulture,
            $"{counts.Sum(count => count.Calls) / (double)Runs:0.##} ({string.Join(", ", each)})");
    }

    private static async Task<Dictionary<string, long>> CountAsync(StoreNode node)
    {
        var info = (string)(await node.Connection.ExecuteAsync(db => db.ExecuteAsync("INFO", "commandstats")))!;
        return info.Split("\r\n").Where(line => line.StartsWith("cmdstat_", StringComparison.Ordinal)).ToDictionary(
            line => line["cmdstat_".Length..line.IndexOf(':', StringComparison.Ordinal)],
            line => long.Parse(line.Split("calls=")[1].Split(',')[0], CultureInfo.InvariantCulture));
    }
}
