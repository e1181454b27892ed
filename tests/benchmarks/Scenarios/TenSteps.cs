namespace DurableGateway.Benchmarks;

/// <summary>A request with ten steps, against Restate with a service on Node that does the same.</summary>
internal sealed class TenSteps : IScenario
{
    public string Name => "ten-steps";
    public string Description => "requests with ten steps, 1 and 64 clients, against Restate";

    public async Task RunAsync(Site site, Report report)
    {
        if (Site.NoRedis is { } noRedis) report.Skip("Redis", noRedis);
        var (restate, reason) = await site.RestateAsync();
        if (restate is null) report.Skip("Restate", reason!);
        var contenders = new List<Contender>();
        if (restate is not null) contenders.Add(new("Restate", restate.Steps(10), restate.Process));
        foreach (var gateway in await site.GatewaysAsync(Store.EverySec, Store.Always, Store.Embedded))
            contenders.Add(new(gateway.Name, new Call("GET", gateway.On("durable", "steps?count=10")), gateway.Process));
        var baseline = restate is null ? null : "Restate";
        report.AddLoad(this, "1 client", await site.Rounds.RunAsync(contenders, 1), baseline,
            new Dictionary<string, string> { ["p50"] = "≤ 0.167 (embedded, always)" });
        report.AddLoad(this, "64 clients", await site.Rounds.RunAsync(contenders, 64), baseline,
            new Dictionary<string, string> { ["requests/s"] = "≥ 4" });
    }
}
