using DurableGateway.Admin;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Admin;

[Trait("Category", "Unit")]
public sealed class RouteTrafficTests
{
    private const int Requests = 20_000;
    private const int Minutes = 5;

    /// <summary>Counts are taken every few seconds, while requests come and go, and the minute changes.</summary>
    [Fact]
    public async Task NothingIsLost_WhileCountsAreTaken()
    {
        var traffic = new RouteTraffic("r");
        var taken = new List<KeyValuePair<(long Minute, string Field), long>>();
        var counting = Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < Requests; i++)
            {
                var minute = MinuteOf(i);
                traffic.Began(minute);
                traffic.Ended(minute, i % 4 == 0 ? RunState.Failed : RunState.Completed, TimeSpan.FromMilliseconds(3));
            }
        })));
        while (!counting.IsCompleted) traffic.TakeTo(0, taken);
        await counting;
        traffic.TakeTo(MinuteOf(Requests), taken);

        long Sum(string field) => taken.Where(count => count.Key.Field == field).Sum(count => count.Value);
        Assert.Equal((2L * Requests, Requests * 3L / 2, Requests / 2L, 2L * Requests),
            (Sum("s r"), Sum("c r"), Sum("f r"), Sum($"h{LatencyHistogram.BucketOf(TimeSpan.FromMilliseconds(3))} r")));
        Assert.All(taken.GroupBy(count => (count.Key.Minute, Started: count.Key.Field == "s r")).Where(group => group.Key.Started),
            group => Assert.Equal(2L * Requests / Minutes, group.Sum(count => count.Value)));
    }

    private static long MinuteOf(int request) => 60L * (request / (Requests / Minutes));
}
