using System.Diagnostics;

namespace DurableGateway.Benchmarks;

/// <summary>
/// What one run asks of Redis: commands, scripts and CPU time. What the gateway asks while idle is taken off. The index follows later, for
/// many runs at once, so its commands are a figure of their own: those of a listing after 100 runs, which are one or two in each shard.
/// </summary>
internal sealed class RunCounts : IScenario
{
    private const int Runs = 100;

    // Scripts, connections and the code itself are new in the first runs.
    private const int WarmUp = 20;

    public string Name => "run-counts";
    public string Description => "Redis commands, scripts and CPU of one run";

    public async Task RunAsync(Site site, Report report)
    {
        if (Site.NoRedis is { } reason)
        {
            report.Skip(Name, reason);
            return;
        }

        foreach (var gateway in await site.GatewaysAsync(Store.EverySec))
        {
            var idle = await IdleAsync(gateway.Redis!);
            await MeasureAsync("stored on start", () => Load.CountAsync(new Call("POST", gateway.On("onstart", "x"), 1024), 1), 15, 90);
            await MeasureAsync("1 step", () => Load.CountAsync(new Call("GET", gateway.On("durable", "steps?count=1")), 1), 22, 130);
            await MeasureAsync("10 steps", () => Load.CountAsync(new Call("GET", gateway.On("durable", "steps?count=10")), 1), 75, 400);
            using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
            await MeasureAsync("fails once", async () => await FlakyRun.PassAsync(client, gateway), 25, null);

            async Task MeasureAsync(string name, Func<Task> run, int commands, int? cpu)
            {
                for (var i = 0; i < WarmUp; i++) await run();
                await gateway.ListRunsAsync();
                var (before, began) = (await gateway.Redis!.ReadAsync(), Stopwatch.GetTimestamp());
                for (var i = 0; i < Runs; i++) await run();
                var work = await gateway.Redis.ReadAsync() - before - (idle * Stopwatch.GetElapsedTime(began).TotalSeconds);
                var beforeListing = await gateway.Redis.ReadAsync();
                await gateway.ListRunsAsync();
                var index = await gateway.Redis.ReadAsync() - beforeListing;
                report.Add(this, $"commands: {name}", gateway.Name, work.Commands / Runs, target: $"≤ {commands}");
                report.Add(this, $"scripts: {name}", gateway.Name, work.Scripts / Runs, target: name == "10 steps" ? "≤ 12" : "");
                report.Add(this, $"CPU: {name}", gateway.Name, work.CpuMicroseconds / Runs, "µs", cpu is null ? "" : $"≤ {cpu}");
                report.Add(this, $"commands of the index: {name}", gateway.Name, index.Commands / Runs);
            }
        }
    }

    private static async Task<RedisSnapshot> IdleAsync(RedisCounters redis)
    {
        var (before, began) = (await redis.ReadAsync(), Stopwatch.GetTimestamp());
        await Task.Delay(TimeSpan.FromSeconds(4));
        return (await redis.ReadAsync() - before) * (1 / Stopwatch.GetElapsedTime(began).TotalSeconds);
    }
}
