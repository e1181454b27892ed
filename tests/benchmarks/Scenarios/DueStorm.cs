using System.Diagnostics;
using System.Globalization;

namespace DurableGateway.Benchmarks;

/// <summary>Many runs that are due at one moment: how many a second are replayed until the last one is.</summary>
internal sealed class DueStorm : IScenario
{
    // Parking is far faster than this; a run that is parked after the moment fails the scenario.
    private const int ParkedPerSecond = 150;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    public string Name => "storm";
    public string Description => "runs that are due at one moment (--runs)";

    public async Task RunAsync(Site site, Report report)
    {
        if (Site.NoRedis is { } reason) report.Skip("Redis", reason);
        var service = await site.ServiceAsync();
        using var client = new HttpClient { BaseAddress = service.Url };
        var runs = site.Options.Runs;
        foreach (var gateway in await site.GatewaysAsync(Store.EverySec, Store.Embedded))
        {
            (await client.GetAsync("/storm-again")).Dispose();
            var due = DateTimeOffset.FromUnixTimeSeconds(
                (TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(5 + (runs / ParkedPerSecond))).ToUnixTimeSeconds());
            var call = new Call("GET", gateway.On("durable", $"storm?at={due.ToUnixTimeSeconds()}"), Expected: 303);
            await Load.CountAsync(call, runs, clients: 32);
            if (TimeProvider.System.GetUtcNow() >= due) throw new InvalidOperationException("Parking took too long; take fewer --runs.");
            await Task.Delay(due - TimeProvider.System.GetUtcNow());
            var cpu = gateway.Process.CpuMicroseconds();
            var last = await AwaitAsync(client, runs);
            cpu = gateway.Process.CpuMicroseconds() - cpu;
            report.Add(this, $"{runs} runs due at once", gateway.Name, runs / (last - due).TotalSeconds, "/s", "≥ 3,000");
            report.Add(this, "gateway CPU per run", gateway.Name, cpu / runs, "µs");
        }
    }

    private static async Task<DateTimeOffset> AwaitAsync(HttpClient service, int runs)
    {
        var began = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (Stopwatch.GetElapsedTime(began) < Patience)
        {
            var progress = (await service.GetStringAsync("/storm-progress")).Split(' ');
            if (int.Parse(progress[0], CultureInfo.InvariantCulture) >= runs)
                return DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(progress[1], CultureInfo.InvariantCulture));
            await timer.WaitForNextTickAsync();
        }

        throw new TimeoutException($"Not all of {runs} runs were replayed within {Patience.TotalMinutes} minutes.");
    }
}
