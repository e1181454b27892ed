using System.Globalization;
using System.Text.RegularExpressions;
using DurableGateway.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Telemetry;

/// <summary>What is counted and measured, pushed and scraped.</summary>
public sealed partial class MetricTests(ToldRun told) : IClassFixture<ToldRun>
{
    private static readonly string[] Expected =
    [
        TelemetryNames.Metrics.RunsStarted, TelemetryNames.Metrics.RunsEnded, TelemetryNames.Metrics.Attempts, TelemetryNames.Metrics.Steps,
        TelemetryNames.Metrics.AttemptDuration, TelemetryNames.Metrics.RunDuration,
        TelemetryNames.Metrics.CheckpointDuration, TelemetryNames.Metrics.ReplayLag, TelemetryNames.Metrics.Redirects,
        TelemetryNames.Metrics.AttemptsInFlight, TelemetryNames.Metrics.ReplaysInFlight, TelemetryNames.Metrics.StoreReady,
        TelemetryNames.Metrics.RunsOpen, TelemetryNames.Metrics.RunsOverdue, TelemetryNames.Metrics.OldestOverdue,
    ];

    [Fact]
    public async Task Metrics_ArePushed_WithBoundedLabels()
    {
        await Eventually.TrueAsync(() => Expected.All(told.Receiver.Metrics.ContainsKey), "all metrics have arrived");

        Assert.All(Expected, name => Assert.Equal(TelemetryNames.Source, told.Receiver.Metrics[name].Scope));
        Assert.All(told.Receiver.Metrics.Values, metric => Assert.DoesNotContain(metric.Points,
            point => point.ContainsKey(TelemetryNames.Attributes.RunId) || point.Values.Contains(told.RunId)));
        Assert.Equal("s", told.Receiver.Metrics[TelemetryNames.Metrics.ReplayLag].Unit);
        Assert.Contains(told.Receiver.Metrics[TelemetryNames.Metrics.Attempts].Points, point =>
            point[TelemetryNames.Attributes.Route] == "upstream" && point[TelemetryNames.Attributes.Policy] == "default"
            && point[TelemetryNames.Attributes.AttemptKind] == "replay" && point[TelemetryNames.Attributes.Outcome] == "completed");
        Assert.Contains(told.Receiver.Metrics[TelemetryNames.Metrics.Attempts].Points, point =>
            point[TelemetryNames.Attributes.Outcome] == "failed" && point[TelemetryNames.Attributes.ErrorType] == "503");
        Assert.Contains(TelemetryNames.Service, told.Receiver.Services);
    }

    [Fact]
    public async Task Metrics_CanBeScraped_AndSayWhatHappened()
    {
        Dictionary<string, double> scrape = [];
        await Eventually.TrueAsync(async () => (scrape = await ScrapeAsync()).Keys.Any(key =>
            key.StartsWith("durable_runs_ended_total", StringComparison.Ordinal)), "the run has ended");

        // The figures of queues are up to five seconds old: while the run was due, it may have been counted as overdue.
        await Eventually.TrueAsync(
            async () => (scrape = await ScrapeAsync()).GetValueOrDefault("durable_runs_overdue{}", 1) == 0, "no run is overdue");

        Assert.Equal(1, scrape["""durable_runs_started_total{durable_policy="default",durable_route="upstream"}"""]);
        Assert.Equal(1,
            scrape["""durable_runs_ended_total{durable_outcome="completed",durable_policy="default",durable_route="upstream"}"""]);
        Assert.Equal(1, scrape["""durable_attempts_total{durable_attempt_kind="live",durable_outcome="failed","""
            + """durable_policy="default",durable_route="upstream",error_type="503"}"""]);
        Assert.Equal(1, scrape["""durable_attempts_total{durable_attempt_kind="replay",durable_outcome="completed","""
            + """durable_policy="default",durable_route="upstream"}"""]);
        Assert.Equal(1, scrape["""durable_steps_total{durable_outcome="completed",durable_policy="default",durable_step_type="run"}"""]);
        Assert.Equal(1, scrape["""durable_redirects_total{durable_policy="default",durable_route="upstream"}"""]);
        Assert.Equal(1, scrape["""durable_checkpoint_duration_seconds_count{durable_policy="default"}"""]);
        Assert.Equal(1, scrape["""durable_replay_lag_seconds_count{durable_policy="default",durable_route="upstream"}"""]);
        Assert.Equal(1, scrape["durable_store_ready{}"]);
        Assert.DoesNotContain(scrape.Keys,
            key => key.Contains(told.RunId, StringComparison.Ordinal) || key.Contains("run_id", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Metrics_AreNotServedOnThePublicListener_WhereThatPathIsTheServices()
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("the service's"));
        await using var gateway = await GatewayHost.StartAsync(service.Url);

        Assert.Equal("the service's", await gateway.Client.GetStringAsync("/metrics"));
    }

    [Fact]
    public async Task Requests_AreCountedByRouteAndStatus_WithTheirDurations()
    {
        await Eventually.TrueAsync(async () => (await ScrapeAsync()).Any(sample => sample.Value >= 1
            && sample.Key.StartsWith("http_server_request_duration_seconds_count{", StringComparison.Ordinal)
            && sample.Key.Contains("http_route=", StringComparison.Ordinal)
            && sample.Key.Contains("http_response_status_code=", StringComparison.Ordinal)
            && sample.Key.Contains("http_request_method=", StringComparison.Ordinal)), "requests are counted");
        Assert.DoesNotContain(await ScrapeAsync(), sample => sample.Key.StartsWith("http_server_active", StringComparison.Ordinal));
    }

    private async Task<Dictionary<string, double>> ScrapeAsync()
    {
        using var http = new HttpClient { BaseAddress = told.Gateway.Control };
        var text = await http.GetStringAsync("/metrics");
        var samples = new Dictionary<string, double>();
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#'))
        {
            var match = Sample().Match(line);
            Assert.True(match.Success, $"'{line}' is no sample.");
            samples[match.Groups[1].Value] = double.Parse(match.Groups[2].Value.Replace("+Inf", "∞", StringComparison.Ordinal),
                CultureInfo.InvariantCulture);
        }

        return samples;
    }

    [GeneratedRegex(@"^([a-zA-Z_:][\w:]*(?:\{(?:[a-zA-Z_]\w*=""(?:[^""\\]|\\.)*"",?)*\})?) ([-+.\w]+)( \d+)?$")]
    private static partial Regex Sample();
}
