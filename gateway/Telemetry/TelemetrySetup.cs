using System.Diagnostics;
using DurableGateway.Configuration;
using DurableGateway.Events;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OpenTelemetry;
using OpenTelemetry.Logs;
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
    private static readonly string[] Probes = ["/healthz", "/readyz", "/metrics"];

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        var export = !string.IsNullOrWhiteSpace(builder.Configuration[Endpoint]);
        builder.Services
            .AddSingleton<StepTelemetry>()
            .AddSingleton<QueueSweep>()
            .AddHostedService<Gauges>();
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.Clear()
                .AddService(TelemetryNames.Service, serviceVersion: Instruments.Version, serviceInstanceId: $"{Environment.MachineName}/{Environment.ProcessId}")
                .AddTelemetrySdk()
                .AddEnvironmentVariableDetector())
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(TelemetryNames.Source).AddPrometheusExporter(prometheus => prometheus.ScopeInfoEnabled = false);

                // What every request pays for is measured where somebody asked for it.
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
    }

    public static void MapMetrics(this IEndpointRouteBuilder routes) => routes.MapPrometheusScrapingEndpoint("/metrics");

    /// <summary>A callback URL has its capability in its path, and who reads traces is not to complete steps. Queries are redacted anyway.</summary>
    private static void HideCapability(Activity span, HttpRequest request)
    {
        if (request.Path.StartsWithSegments(CallbackUrls.Path.TrimEnd('/'), StringComparison.OrdinalIgnoreCase)) span.SetTag("url.path", CallbackUrls.Path + "…");
    }

    private static bool IsNoProbe(HttpContext context) => !context.IsControl() || !Probes.Contains(context.Request.Path.Value);
}
