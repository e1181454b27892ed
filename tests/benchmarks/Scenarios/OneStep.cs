using System.Diagnostics;

namespace DurableGateway.Benchmarks;

/// <summary>What one step adds to a request of one client, and what the two calls that it consists of take by themselves.</summary>
internal sealed class OneStep : IScenario
{
    public string Name => "step";
    public string Description => "what one step adds to a request, one client";

    public async Task RunAsync(Site site, Report report)
    {
        if (Site.NoRedis is { } reason) report.Skip("Redis", reason);
        var service = await site.ServiceAsync();
        foreach (var gateway in await site.GatewaysAsync(Store.EverySec, Store.Embedded))
        {
            var samples = await site.Rounds.RunAsync(
            [
                new("none", new Call("GET", gateway.On("durable", "x")), gateway.Process),
                new("step", new Call("GET", gateway.On("durable", "steps?count=1")), gateway.Process),
                new("service", new Call("GET", new Uri(service.Url, "/x")), service.Process),
            ], clients: 1);
            var (none, step) = (samples["none"], samples["step"]);
            var added = Report.Median(step.Zip(none, (with, without) => with.P50 - without.P50));
            report.Add(this, "added p50", gateway.Name, added, "ms", "≤ 0.5");
            report.Add(this, "gateway CPU of the step", gateway.Name,
                Report.Median(step.Zip(none, (with, without) => (with.CpuMicroseconds - without.CpuMicroseconds) / 1000)), "ms", "≤ 0.25");
            var http = Report.Median(samples["service"].Select(sample => sample.P50));
            report.Add(this, "an HTTP call, p50", gateway.Name, http, "ms");
            if (gateway.Redis is not { } redis) continue;
            var call = await CallAsync(redis);
            report.Add(this, "a Redis call, p50", gateway.Name, call, "ms");
            report.Add(this, "added p50 / (an HTTP call + a Redis call)", gateway.Name, added / (http + call), "×", "≤ 2.5");
        }
    }

    private static async Task<double> CallAsync(RedisCounters redis)
    {
        var times = new List<double>();
        for (var i = 0; i < 2000; i++)
        {
            var began = Stopwatch.GetTimestamp();
            await redis.CallAsync();
            times.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        return Report.Median(times);
    }
}
