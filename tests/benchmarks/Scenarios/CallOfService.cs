using System.Globalization;

namespace DurableGateway.Benchmarks;

/// <summary>
/// A call that a service makes through the egress listener and that is remembered, against the same call through YARP. The service makes
/// them in turn, in one run, and measures them itself.
/// </summary>
internal sealed class CallOfService : IScenario
{
    private const int Calls = 1000;

    public string Name => "call";
    public string Description => "a remembered call of a service, against the same call through YARP";

    public async Task RunAsync(Site site, Report report)
    {
        if (Site.NoRedis is { } reason) report.Skip("Redis", reason);
        var yarp = new Uri((await site.YarpAsync()).Url, "/x");
        using var client = new HttpClient();
        foreach (var gateway in await site.GatewaysAsync(hasEgress: true, Store.EverySec, Store.Embedded))
        {
            var remembered = Uri.EscapeDataString($"{gateway.OnEgress("x")}");
            var call = gateway.On("durable", $"calls?count={Calls}&remembered={remembered}&plain={Uri.EscapeDataString($"{yarp}")}");
            for (var warm = 0; warm < 3; warm++) await MeasureAsync();
            var rounds = new List<double[]>();
            var before = gateway.Redis is { } redis ? await redis.ReadAsync() : default;
            for (var round = 0; round < site.Options.Rounds; round++) rounds.Add(await MeasureAsync());
            report.Add(this, "through YARP, p50", gateway.Name, Report.Median(rounds.Select(round => round[0])), "ms");
            report.Add(this, "remembered, p50", gateway.Name, Report.Median(rounds.Select(round => round[1])), "ms");
            report.Add(this, "added p50", gateway.Name, Report.Median(rounds.Select(round => round[1] - round[0])), "ms", "≤ 0.5");
            if (gateway.Redis is { } counters)
            {
                var work = await counters.ReadAsync() - before;
                report.Add(this, "scripts of a remembered call", gateway.Name, work.Scripts / (Calls * site.Options.Rounds), target: "1");
            }

            async Task<double[]> MeasureAsync() =>
                [.. (await client.GetStringAsync(call)).Split(' ').Select(figure => double.Parse(figure, CultureInfo.InvariantCulture))];
        }
    }
}
