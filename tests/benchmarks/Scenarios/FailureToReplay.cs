namespace DurableGateway.Benchmarks;

/// <summary>How soon a run that has failed is sent again, and how soon its client has the result, on an idle gateway.</summary>
internal sealed class FailureToReplay : IScenario
{
    private const int Runs = 100;

    public string Name => "replay";
    public string Description => "from a failure to the replay, and from its end to the client";

    public async Task RunAsync(Site site, Report report)
    {
        if (Site.NoRedis is { } reason) report.Skip("Redis", reason);
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        foreach (var gateway in await site.GatewaysAsync(Store.EverySec, Store.Embedded))
        {
            for (var run = 0; run < Runs / 5; run++) await FlakyRun.PassAsync(client, gateway);
            var runs = new List<FlakyRun>();
            for (var run = 0; run < Runs; run++) runs.Add(await FlakyRun.PassAsync(client, gateway));
            Add("failure to replay, less the delay", runs.Select(run => run.ToReplay));
            Add("replay at the service to the client", runs.Select(run => run.ToClient));

            void Add(string name, IEnumerable<double> values)
            {
                var sorted = values.Order().ToArray();
                report.Add(this, $"{name}: p50", gateway.Name, sorted[sorted.Length / 2], "ms", "≤ 4");
                report.Add(this, $"{name}: p99", gateway.Name, sorted[(int)(sorted.Length * 0.99)], "ms", "≤ 13");
            }
        }
    }
}
