namespace DurableGateway.Benchmarks;

/// <summary>What a run that waits takes in Redis, beyond the body of its request.</summary>
internal sealed class ParkedBytes : IScenario
{
    private const int Body = 1024;

    public string Name => "parked";
    public string Description => "bytes in Redis of a run that waits, less its payload";

    public async Task RunAsync(Site site, Report report)
    {
        if (Site.NoRedis is { } reason)
        {
            report.Skip(Name, reason);
            return;
        }

        var runs = site.Options.Counts ? 500 : site.Options.Runs;
        foreach (var gateway in await site.GatewaysAsync(Store.EverySec))
        {
            var redis = gateway.Redis!;
            var park = new Call("POST", gateway.On("durable", "park"), Body, Expected: 303);
            await Load.CountAsync(park, 20);

            // The index follows later. A listing brings it up to date.
            await gateway.ListRunsAsync();
            var (used, keys) = (await redis.UsedMemoryAsync(), await redis.KeysMemoryAsync());
            await Load.CountAsync(park, runs, clients: 8);
            await gateway.ListRunsAsync();
            (used, keys) = (await redis.UsedMemoryAsync() - used, await redis.KeysMemoryAsync() - keys);
            report.Add(this, "bytes: parked run, by MEMORY USAGE", gateway.Name, ((double)keys / runs) - Body, "B");
            report.Add(this, "bytes: parked run, by used_memory", gateway.Name, ((double)used / runs) - Body, "B", "≤ 1,500");
        }
    }
}
