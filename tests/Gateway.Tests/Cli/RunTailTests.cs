using System.Collections.Concurrent;
using System.Text;
using DurableGateway.Cli;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Cli;

public sealed class RunTailTests
{
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

        bool Said(string state) =>
            output.Written.Count(line => line.Contains(id, StringComparison.Ordinal) && line.Contains(state, StringComparison.Ordinal))
                == 1;
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
}
