namespace DurableGateway.Benchmarks;

/// <summary>Requests that are stored before they are sent, which succeed.</summary>
internal sealed class StoredOnStart : IScenario
{
    public string Name => "onstart";
    public string Description => "requests that are stored before they are sent (Persist: OnStart), against YARP";

    public async Task RunAsync(Site site, Report report)
    {
        var yarp = await site.YarpAsync();
        var call = new Call("POST", new Uri(yarp.Url, "/x"), 1024);
        var contenders = new List<Contender> { new("YARP", call, yarp.Process) };
        foreach (var gateway in await site.GatewaysAsync(Store.EverySec, Store.Embedded))
            contenders.Add(new(gateway.Name, call with { Url = gateway.On("onstart", "x") }, gateway.Process));
        if (Site.NoRedis is { } reason) report.Skip("Redis", reason);
        report.AddLoad(this, "POST of 1 KiB, 32 clients", await site.Rounds.RunAsync(contenders, 32), "YARP",
            new Dictionary<string, string> { ["requests/s"] = "≥ 0.45" });
    }
}
