using DurableGateway.Admin;
using DurableGateway.Configuration;
using DurableGateway.Dashboard;
using DurableGateway.Egress;
using DurableGateway.Events;
using DurableGateway.Http;
using DurableGateway.Listeners;
using DurableGateway.Notices;
using DurableGateway.Proxy;
using DurableGateway.Replay;
using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Steps;
using DurableGateway.Storage;
using DurableGateway.Telemetry;

namespace DurableGateway.Hosting;

/// <summary>Composes the gateway: its services, and the order in which a request passes them.</summary>
internal static class GatewayApp
{
    /// <exception cref="ConfigurationException">The configuration is invalid. The exception lists every error.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? customize = null)
    {
        var line = StartOptions.Parse(args);
        var builder = GatewayConfiguration.CreateBuilder(line);
        customize?.Invoke(builder);
        var settings = GatewayConfiguration.Read(builder.Configuration);
        GatewayConfiguration.RequireRoutes(builder.Configuration);

        var routes = new RouteSource(builder.Configuration);
        builder.AddListeners(settings);
        builder.Services
            .AddGatewayConfiguration(line, settings, routes)
            .AddStorage()
            .AddRuns(new EngineSettings(settings.Lease),
                new RecordingOptions(settings.Notices?.Options ?? NoticeOptions.None, settings.SearchHeaders))
            .AddRunTelemetry()
            .AddResults()
            .AddDurableProxy(routes, settings.Forward)
            .AddNotices()
            .AddReplay(settings)
            .AddAdmin()
            .AddEvents()
            .AddSteps()
            .AddEgress()
            .AddDashboard();
        builder.AddTelemetry();

        var app = builder.Build();
        UsePipeline(app, settings, line);
        return app;
    }

    /// <summary>Builds the pipeline. The order matters: each comment says what a part must precede or follow.</summary>
    private static void UsePipeline(WebApplication app, GatewaySettings settings, StartOptions line)
    {
        // YARP registers ASP.NET Core's authorization, and WebApplication would have every request pass it before routing, where it has
        // no endpoint to look at and nothing to do. No route here has such a policy.
        ((IApplicationBuilder)app).Properties["__AuthorizationMiddlewareSet"] = true;

        // First, so that it sees how every request ends.
        if (settings.AccessLog) app.UseMiddleware<AccessLogMiddleware>();

        // Before everything that may fail, because it turns a failure into a problem document.
        app.UseMiddleware<GatewayExceptionMiddleware>();

        // Stores the rest of the pipeline, so that a request that a step invokes passes the same parts as a client's.
        app.Use(app.Services.GetRequiredService<InvocationDispatcher>().Watch);

        // Before routing, which resolves the target: what must not be resolved, or must not be seen by routes and services.
        app.UseByListener(
            control =>
            {
                // Before anything reads a body.
                control.UseMiddleware<ControlLimitsMiddleware>();
                control.UseMiddleware<ClientCertificateMiddleware>();
                control.UseMiddleware<ControlDotSegmentMiddleware>();
                control.UseMiddleware<HeadMiddleware>();
            },
            open =>
            {
                // First, so that nothing reads what is not forwarded.
                open.UseMiddleware<ConnectionHeaderMiddleware>();
                open.UseMiddleware<DotSegmentMiddleware>();
                open.UseMiddleware<DashboardCookieMiddleware>();
                open.UseMiddleware<ResultMemberMiddleware>();
            },
            settings.Egress is null ? null : egress =>
            {
                egress.UseMiddleware<ConnectionHeaderMiddleware>();

                // Services are limited by the policy of their run only.
                egress.UseMiddleware<ControlLimitsMiddleware>();
                egress.UseMiddleware<ForwardMiddleware>();
                egress.UseMiddleware<DotSegmentMiddleware>();
            });
        app.UseRouting();

        // After routing and before the endpoints, because an endpoint reads its body before its filters run.
        app.UseMiddleware<AdminAuthorizationMiddleware>();

        app.UseMiddleware<UnknownPageMiddleware>();

        // Ensures that no route gets a reserved path.
        app.UseMiddleware<ReservedPathMiddleware>();
        app.UseRequestTimeouts();

        // Before YARP's pipeline starts its spans, so that they are children of the attempt's span.
        app.UseMiddleware<AttemptTracingMiddleware>();

        app.MapResults();
        app.MapEvents();
        var control = app.MapGroup("").OnControlListener();
        control.MapSteps();
        control.MapAdmin();
        control.MapHealth();
        control.MapDashboard();
        control.MapMetrics();
        app.MapDurableProxy(proxy =>
        {
            if (line.Upstream is not null) proxy.UseMiddleware<UpstreamHostHintMiddleware>();
            proxy.UseMiddleware<DurableMiddleware>();

            // Within the durable part, which answers and counts what is forwarded, and before a destination is chosen.
            if (settings.Egress is not null) proxy.UseMiddleware<EgressMiddleware>();
            proxy.UseSessionAffinity();
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
        });
    }
}
