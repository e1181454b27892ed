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
/// Configures telemetry. Metrics can always be scraped. If <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set, traces, logs and metrics are exported
/// through OTLP. OpenTelemetry's own settings apply: names, headers, samplers, intervals.
/// </summary>
internal static class TelemetrySetup
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string TimeOfDay = "HH:mm:ss.fff ";
    private const string Rfc3339 = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
    private const string Hosting = "Microsoft.AspNetCore.Hosting";
    private const string RequestDuration = "http.server.request.duration";
    private const string OfServices = "/_durable/v1";
    private const string OfOperators = "/_durable/v1/admin";

    /// <summary>
    /// Adds spans and metrics of runs and steps. Call this before adding observers that wake others, so that those find the events counted.
    /// </summary>
    public static IServiceCollection AddRunTelemetry(this IServiceCollection services) => services
        .AddSingleton<IRunObserver, RunTelemetry>()
        .AddSingleton<StepTelemetry>()
        .AddSingleton<IStepObserver>(provider => provider.GetRequiredService<StepTelemetry>());

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.PostConfigure<JsonConsoleFormatterOptions>(json =>
        {
            // The time of day suits a terminal. Collected JSON lines need date and zone.
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

                // Only the tags for counts, durations and statuses by route. Other attributes would multiply the series and add little.
                metrics.AddView(RequestDuration, new ExplicitBucketHistogramConfiguration
                {
                    TagKeys = ["http.request.method", "http.response.status_code", "http.route"]
                });
                metrics.AddView(instrument =>
                    instrument.Meter.Name == Hosting && instrument.Name != RequestDuration ? MetricStreamConfiguration.Drop : null);

                // Measured only with an exporter, because every request has a cost.
                if (export) metrics.AddAspNetCoreInstrumentation().AddHttpClientInstrumentation();
            });
        if (!export) return;
        telemetry
            .WithTracing(tracing => tracing
                .AddAspNetCoreInstrumentation(requests => (requests.Filter, requests.EnrichWithHttpRequest) = (HasSpan, HideCapability))
                .AddHttpClientInstrumentation(calls => calls.EnrichWithHttpRequestMessage = Resends.Enrich)
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
    /// Removes the capability from the path of a callback URL, so that readers of traces cannot complete steps. Queries are already
    /// redacted.
    /// </summary>
    private static void HideCapability(Activity span, HttpRequest request)
    {
        if (request.Path.StartsWithSegments(WirePaths.Callbacks.TrimEnd('/'), StringComparison.OrdinalIgnoreCase))
            span.SetTag("url.path", WirePaths.Callbacks + "…");
    }

    /// <summary>
    /// Whether a request has a span: those of clients and services have. A page of the dashboard that is open all day reads the store with
    /// hundreds of calls each time, and belongs to no run.
    /// </summary>
    private static bool HasSpan(HttpContext context) => !context.IsControl()
        || (context.Request.Path.StartsWithSegments(OfServices, StringComparison.OrdinalIgnoreCase)
            && !context.Request.Path.StartsWithSegments(OfOperators, StringComparison.OrdinalIgnoreCase));
}
