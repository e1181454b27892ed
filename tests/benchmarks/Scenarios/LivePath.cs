namespace DurableGateway.Benchmarks;

/// <summary>A request that succeeds: what a plain and a durable route cost beside YARP, and beside nginx.</summary>
internal sealed class LivePath : IScenario
{
    private const int Clients = 32;

    private static readonly Kind[] Kinds =
    [
        new("GET", "x", 0, "≥ 0.95", "≤ 1.10"),
        new("POST of 1 KiB", "x", 1024, "≥ 0.93", "≤ 1.12"),
        new("1 MiB down", "big", 0, "≥ 0.98", "≤ 1.05"),
    ];

    public string Name => "live";
    public string Description => "requests that succeed, on a plain and a durable route, against YARP and nginx";

    public async Task RunAsync(Site site, Report report)
    {
        var yarp = await site.YarpAsync();
        var (nginx, reason) = await site.NginxAsync();
        if (nginx is null) report.Skip("nginx", reason!);
        var gateways = await site.GatewaysAsync(Site.NoRedis is null ? Store.EverySec : Store.Embedded);
        foreach (var kind in Kinds)
        {
            var call = new Call(kind.BodyBytes > 0 ? "POST" : "GET", yarp.Url, kind.BodyBytes);
            var contenders = new List<Contender> { new("YARP", call with { Url = new Uri(yarp.Url, kind.Path) }, yarp.Process) };
            if (nginx is not null) contenders.Add(new("nginx", call with { Url = new Uri(nginx.Url, kind.Path) }, nginx.Process));
            foreach (var gateway in gateways)
            {
                var suffix = gateway.Name.Contains('@', StringComparison.Ordinal) ? $" {gateway.Name[gateway.Name.IndexOf('@')..]}" : "";
                contenders.Add(new($"plain route{suffix}", call with { Url = gateway.On("plain", kind.Path) }, gateway.Process));
                contenders.Add(new($"durable route{suffix}", call with { Url = gateway.On("durable", kind.Path) }, gateway.Process));
            }

            var samples = await site.Rounds.RunAsync(contenders, Clients);
            report.AddLoad(this, kind.Name, samples, "YARP", new Dictionary<string, string>
            {
                ["requests/s"] = $"{kind.Rate} (plain: ≥ 0.98)",
                ["CPU per request"] = kind.Cpu,
                ["p99"] = "≤ 1.05",
            });
        }
    }

    private sealed record Kind(string Name, string Path, int BodyBytes, string Rate, string Cpu);
}
