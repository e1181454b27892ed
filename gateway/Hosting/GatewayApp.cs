using DurableGateway.Admin;
using DurableGateway.Configuration;
using DurableGateway.Dashboard;
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

/// <summary>The composition: what there is, and the order in which a request passes it.</summary>
internal static class GatewayApp
{
    /// <exception cref="ConfigurationException">The configuration is wrong; every error is listed.</exception>
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
            .AddDurableProxy(routes)
            .AddNotices()
            .AddReplay(settings)
            .AddAdmin()
            .AddEvents()
            .AddSteps()
            .AddDashboard();
        builder.AddTelemetry();

        var app = builder.Build();
        UsePipeline(app, settings, line);
        return app;
    }

    /// <summary>Order matters: each part says what it has to stand before or behind.</summary>
    private static void UsePipeline(WebApplication app, GatewaySettings settings, StartOptions line)
    {
        // YARP registers ASP.NET Core's authorization, and WebApplication would have every request pass it before routing, where it has
        // no endpoint to look at and nothing to do. No route here has such a policy.
        ((IApplicationBuilder)app).Properties["__AuthorizationMiddlewareSet"] = true;

        // First, so that it sees how every request ends.
        if (settings.AccessLog) app.UseMiddleware<AccessLogMiddleware>();

        // Before all that may fail: a failure is a problem document.
        app.UseMiddleware<GatewayExceptionMiddleware>();

        // Remembers what follows: a request that a step invokes passes the same way as a client's.
        app.Use(app.Services.GetRequiredService<InvocationDispatcher>().Watch);

        // Before routing, which resolves the target: what must not be resolved, or must not be seen by routes and services.
        app.UseByListener(
            control =>
            {
                // Before anything reads a body.
                control.UseMiddleware<ControlLimitsMiddleware>();
                control.UseMiddleware<ClientCertificateMiddleware>();
                control.UseMiddleware<ControlDotSegmentMiddleware>();
            },
            open =>
            {
                open.UseMiddleware<DotSegmentMiddleware>();
                open.UseMiddleware<DashboardCookieMiddleware>();
                open.UseMiddleware<ResultMemberMiddleware>();
            });
        app.UseRouting();

        // Behind routing and before the endpoints: endpoints read a body of any size before their filters are asked.
        app.UseMiddleware<AdminAuthorizationMiddleware>();

        // No route can take a path of the gateway.
        app.UseMiddleware<ReservedPathMiddleware>();
        app.UseRequestTimeouts();

        // Before YARP's pipeline begins its own spans, so that those are beneath the attempt's.
        app.UseMiddleware<AttemptTracingMiddleware>();

        app.MapResults();
        app.MapEvents();
        var control = app.MapGroup("").OnControlListener();
        control.MapSteps();
        control.MapAdmin();
        control.MapHealth();
        control.MapDashboard();
        control.MapMetrics();
        app.MapReverseProxy(proxy =>
        {
            if (line.Upstream is not null) proxy.UseMiddleware<UpstreamHostHintMiddleware>();
            proxy.UseMiddleware<DurableMiddleware>();
            proxy.UseSessionAffinity();
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
        });
    }
}
