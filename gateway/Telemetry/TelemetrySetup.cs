using System.Diagnostics;
using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace DurableGateway.Telemetry;

/// <summary>
/// Metrics are there to be scraped; traces, logs and metrics are pushed by OTLP where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says so. All of
/// OpenTelemetry's own settings hold: names, headers, samplers, intervals.
/// </summary>
internal static class TelemetrySetup
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string TimeOfDay = "HH:mm:ss.fff ";
    private const string Rfc3339 = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
    private const string Hosting = "Microsoft.AspNetCore.Hosting";
    private const string RequestDuration = "http.server.request.duration";
    private static readonly string[] Probes = ["/healthz", "/readyz", "/metrics"];

    /// <summary>Spans and metrics of runs and steps. Before what wakes others by the same events, so that they find them counted.</summary>
    public static IServiceCollection AddRunTelemetry(this IServiceCollection services) => services
        .AddSingleton<IRunObserver, RunTelemetry>()
        .AddSingleton<StepTelemetry>()
        .AddSingleton<IStepObserver>(provider => provider.GetRequiredService<StepTelemetry>());

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.PostConfigure<JsonConsoleFormatterOptions>(json =>
        {
            // The time of day is for people at a terminal; whoever collects lines of JSON needs date and zone.
            if (json.TimestampFormat is null or TimeOfDay) (json.TimestampFormat, json.UseUtcTimestamp) = (Rfc3339, true);
        });
        var export = !string.IsNullOrWhiteSpace(builder.Configuration[Endpoint]);
        builder.Services
            .AddSingleton<QueueSweep>()
            .AddHostedService<RunGauges>();
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.Clear()
                .AddService(TelemetryNames.Service, serviceVersion: Instruments.Version,
                    serviceInstanceId: $"{Environment.MachineName}/{Environment.ProcessId}")
                .AddTelemetrySdk()
                .AddEnvironmentVariableDetector())
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(TelemetryNames.Source, Hosting).AddPrometheusExporter(prometheus => prometheus.ScopeInfoEnabled = false);

                // Counts, durations and statuses of requests by route. The other attributes would multiply the series and tell little here.
                metrics.AddView(RequestDuration, new ExplicitBucketHistogramConfiguration
                {
                    TagKeys = ["http.request.method", "http.response.status_code", "http.route"]
                });
                metrics.AddView(instrument =>
                    instrument.Meter.Name == Hosting && instrument.Name != RequestDuration ? MetricStreamConfiguration.Drop : null);

                // What every request pays for beyond that is measured where somebody asked for it.
                if (export) metrics.AddAspNetCoreInstrumentation().AddHttpClientInstrumentation();
            });
        if (!export) return;
        telemetry
            .WithTracing(tracing => tracing
                .AddAspNetCoreInstrumentation(requests => (requests.Filter, requests.EnrichWithHttpRequest) = (IsNoProbe, HideCapability))
                .AddHttpClientInstrumentation()
                .AddSource(TelemetryNames.Source, "Yarp.ReverseProxy"))
            .WithLogging(configureBuilder: null, logs =>
            {
                logs.IncludeScopes = true;
                logs.IncludeFormattedMessage = true;
            })
            .UseOtlpExporter();
        builder.Services.AddHostedService<FinalExport>();
    }

    public static void MapMetrics(this IEndpointRouteBuilder routes) => routes.MapPrometheusScrapingEndpoint("/metrics");

    /// <summary>
    /// A callback URL has its capability in its path, and who reads traces is not to complete steps. Queries are redacted anyway.
    /// </summary>
    private static void HideCapability(Activity span, HttpRequest request)
    {
        if (request.Path.StartsWithSegments(WirePaths.Callbacks.TrimEnd('/'), StringComparison.OrdinalIgnoreCase))
            span.SetTag("url.path", WirePaths.Callbacks + "…");
    }

    private static bool IsNoProbe(HttpContext context) => !context.IsControl() || !Probes.Contains(context.Request.Path.Value);
}
