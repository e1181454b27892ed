namespace DurableGateway.Benchmarks;

/// <summary>How long a gateway takes until it is ready, and what it does while nobody asks anything.</summary>
internal sealed class StartAndIdle : IScenario
{
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(15);

    public string Name => "idle";
    public string Description => "start to ready; CPU and commands of an idle gateway";

    public async Task RunAsync(Site site, Report report)
    {
        if (Site.NoRedis is { } reason) report.Skip("Redis", reason);
        foreach (var gateway in await site.GatewaysAsync(Store.EverySec, Store.Embedded))
        {
            var starts = new List<double>();
            for (var start = 0; start < site.Options.Rounds; start++)
            {
                await gateway.StartAgainAsync();
                starts.Add(gateway.StartedIn.TotalSeconds);
            }

            report.Add(this, "start to ready", gateway.Name, Report.Median(starts), "s", "≤ 1.5");
            await Task.Delay(Settled);
            var (cpu, before) = (gateway.Process.CpuMicroseconds(), gateway.Redis is null ? default : await gateway.Redis.ReadAsync());
            await Task.Delay(Idle);
            report.Add(this, "idle CPU in a minute", gateway.Name,
                (gateway.Process.CpuMicroseconds() - cpu) / 1e6 * (60 / Idle.TotalSeconds), "s", "≤ 0.3");
            if (gateway.Redis is not { } redis) continue;
            var work = await redis.ReadAsync() - before;
            report.Add(this, "idle commands at Redis", gateway.Name, work.Commands / Idle.TotalSeconds, "/s", "≤ 2");
        }
    }
}
