using System.Globalization;

namespace DurableGateway.Benchmarks;

/// <summary>A run with 1,000 steps of 1 KiB: whether the last cost more than the first, and what a replay that reads them takes.</summary>
internal sealed class LongRun : IScenario
{
    private const int Runs = 3;

    public string Name => "long-run";
    public string Description => "the 1,000th step against the 10th, and a replay that reads 1,000 steps";

    public async Task RunAsync(Site site, Report report)
    {
        if (Site.NoRedis is { } reason) report.Skip("Redis", reason);
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        foreach (var gateway in await site.GatewaysAsync(Store.EverySec, Store.Embedded))
        {
            var runs = new List<double[]>();
            for (var run = -1; run < Runs; run++)
            {
                using var redirect = await client.GetAsync(gateway.On("durable", "long?count=1000"));
                using var result = await client.GetAsync(gateway.Result(redirect.Headers.Location!));
                if (run < 0) continue; // The first is for the compiler.
                var said = await result.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
                runs.Add([.. said.Split(' ').Select(number => double.Parse(number, CultureInfo.InvariantCulture))]);
            }

            report.Add(this, "the 10th step", gateway.Name, Report.Median(runs.Select(run => run[0])), "ms");
            report.Add(this, "the 1,000th step", gateway.Name, Report.Median(runs.Select(run => run[1])), "ms");
            report.Add(this, "the 1,000th / the 10th step", gateway.Name, Report.Median(runs.Select(run => run[1] / run[0])), "×", "≤ 1.2");
            report.Add(this, "a replay reads 1,000 steps", gateway.Name, Report.Median(runs.Select(run => run[2])), "ms",
                "≤ 10 · 15 embedded");
            report.Add(this, "bytes of 1,000 steps of 1 KiB", gateway.Name, Report.Median(runs.Select(run => run[3])), "B");
        }
    }
}
