using System.Diagnostics.Metrics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using DurableGateway.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Telemetry;

/// <summary>The dashboard, the alerts and their documentation use the names that the gateway defines, and no others.</summary>
public sealed partial class DashboardTests
{
    [Theory]
    [InlineData("config/grafana/durable-gateway.json")]
    [InlineData("config/prometheus/alerts.yml")]
    public async Task EveryMetric_ThatIsUsed_IsOneOfTheGateways(string file)
    {
        var known = (await InstrumentsAsync()).SelectMany(InPrometheus).ToHashSet();

        var used = MetricName().Matches(Label().Replace(Repository.Read(file), "")).Select(match => match.Value).Distinct().ToList();

        Assert.NotEmpty(used);
        Assert.All(used, name => Assert.Contains(name, known));
    }

    [Fact]
    public async Task EveryName_IsThatOfAnInstrument_AndDocumented()
    {
        var names = typeof(TelemetryNames.Metrics).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => (string)field.GetValue(null)!).ToList();
        var documented = Repository.Read("gateway/README.md");

        Assert.Equal(names.Order(), (await InstrumentsAsync()).Select(instrument => instrument.Name).Distinct().Order());
        Assert.All(names, name => Assert.Contains($"| `{name}` |", documented, StringComparison.Ordinal));
    }

    [Fact]
    public void EveryAlert_HasItsRemedy()
    {
        var remedies = Repository.Read("config/README.md");
        var alerts = AlertName().Matches(Repository.Read("config/prometheus/alerts.yml")).Select(match => match.Groups[1].Value).ToList();

        Assert.NotEmpty(alerts);
        Assert.All(alerts, alert => Assert.Contains($"| `{alert}` |", remedies, StringComparison.Ordinal));
    }

    [Fact]
    public void Dashboard_IsJson_AndEachPanelAsksSomething()
    {
        using var dashboard = JsonDocument.Parse(Repository.Read("config/grafana/durable-gateway.json"));
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray()
            .Where(panel => panel.GetProperty("type").GetString() != "row").ToList();

        Assert.NotEmpty(panels);
        Assert.All(panels, panel => Assert.NotEqual(0, panel.GetProperty("targets").GetArrayLength()));
    }

    /// <summary>What a gateway publishes. Gauges are there while one runs.</summary>
    private static async Task<List<Instrument>> InstrumentsAsync()
    {
        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1");
        RuntimeHelpers.RunClassConstructor(typeof(Instruments).TypeHandle);
        var instruments = new List<Instrument>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                lock (instruments)
                {
                    if (instrument.Meter.Name == TelemetryNames.Source) instruments.Add(instrument);
                }
            },
        };
        listener.Start();
        lock (instruments) return [.. instruments];
    }

    /// <summary>The names of an instrument's series.</summary>
    private static IEnumerable<string> InPrometheus(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_') + instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        return instrument switch
        {
            Counter<long> => [name + "_total"],
            Histogram<double> => [name + "_bucket", name + "_sum", name + "_count"],
            _ => [name],
        };
    }

    [GeneratedRegex(@"\bdurable_[a-z_]+")]
    private static partial Regex MetricName();

    /// <summary>Labels begin with the same word.</summary>
    [GeneratedRegex(@"durable_(route|policy|outcome|attempt_kind|step_type)\b")]
    private static partial Regex Label();

    [GeneratedRegex(@"- alert: (\w+)")]
    private static partial Regex AlertName();
}
