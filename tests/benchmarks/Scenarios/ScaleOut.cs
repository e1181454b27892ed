using System.Diagnostics;

namespace DurableGateway.Benchmarks;

/// <summary>
/// How many runs per second a store can bear. Redis executes commands on one thread, so a server bears as many runs as their CPU time fits
/// into a second. A cluster bears what its busiest server bears. The machine need not be able to produce that load.
/// </summary>
internal sealed class ScaleOut : IScenario
{
    private const int Runs = 3000;
    private const int Clients = 32;

    public string Name => "scale-out";
    public string Description => "runs per second that a single Redis and a cluster of three can bear";

    public async Task RunAsync(Site site, Report report)
    {
        if (Site.NoRedis is { } reason)
        {
            report.Skip(Name, reason);
            return;
        }

        foreach (var gateway in await site.GatewaysAsync(Store.EverySec, Store.Cluster))
        {
            var idle = await PassAsync(gateway, () => Task.Delay(TimeSpan.FromSeconds(4)));
            await MeasureAsync("stored on start", new Call("POST", gateway.On("onstart", "x"), 1024));
            await MeasureAsync("1 step", new Call("GET", gateway.On("durable", "steps?count=1")));
            await MeasureAsync("10 steps", new Call("GET", gateway.On("durable", "steps?count=10")), Runs / 10);

            async Task MeasureAsync(string name, Call call, int runs = Runs)
            {
                await Load.CountAsync(call, runs, Clients);
                var work = await PassAsync(gateway, () => Load.CountAsync(call, runs, Clients));
                var cpu = work.Servers.Zip(idle.Servers, (busy, none) => busy - (none * (work.Seconds / idle.Seconds)))
                    .Select(server => server.CpuMicroseconds / runs).ToArray();
                report.Add(this, $"{name}: CPU of Redis per run", gateway.Name, cpu.Sum(), "µs");
                report.Add(this, $"{name}: share of the busiest server", gateway.Name, 100 * cpu.Max() / cpu.Sum(), "%");
                report.Add(this, $"{name}: runs that the store bears", gateway.Name, 1e6 / cpu.Max(), "/s");
            }
        }
    }

    /// <summary>What each server did during an action.</summary>
    private static async Task<(RedisSnapshot[] Servers, double Seconds)> PassAsync(Gateway gateway, Func<Task> action)
    {
        var (before, began) = (await ReadAsync(gateway), Stopwatch.GetTimestamp());
        await action();
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var after = await ReadAsync(gateway);
        return ([.. after.Zip(before, (later, earlier) => later - earlier)], seconds);
    }

    private static Task<RedisSnapshot[]> ReadAsync(Gateway gateway) => Task.WhenAll(gateway.Servers.Select(server => server.ReadAsync()));
}
