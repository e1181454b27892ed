using DurableGateway.Admin;
using DurableGateway.Configuration;
using DurableGateway.Dashboard;
using DurableGateway.Events;
using DurableGateway.Notices;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Replay;
using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Steps;
using DurableGateway.Storage;
using DurableGateway.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway;

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

        var connections = new PublicConnections(settings.Limits, TimeProvider.System);
        var certificates = new ClientCertificates(settings);
        builder.WebHost.ConfigureKestrel(kestrel =>
            Listeners.Configure(kestrel, settings, connections, certificates,
                kestrel.ApplicationServices.GetRequiredService<ServerCertificates>()));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.ShutdownTimeout + (2 * Drain.Grace));
        builder.Services
            .AddSingleton(line)
            .AddSingleton(settings)
            .AddSingleton(connections)
            .AddSingleton(certificates)
            .AddSingleton<ServerCertificates>()
            .AddHostedService(provider => provider.GetRequiredService<ServerCertificates>())
            .AddStorage()
            .AddRuns(settings)
            .AddDurableProxy(new RouteSource(builder.Configuration))
            .AddHostedService<Reloader>()
            .AddReplay()
            .AddAdmin()
            .AddDashboard();
        builder.AddTelemetry();

        var app = builder.Build();
        // Order matters: a failure anywhere below is a problem document; /_durable/ is ours before any route can take it.
        if (settings.AccessLog) app.UseMiddleware<AccessLogMiddleware>();
        app.UseMiddleware<GatewayErrors>();
        app.Use(app.Services.GetRequiredService<Invocations>().Watch);
        app.UseMiddleware<ControlLimits>();
        app.UseMiddleware<CertificateGate>();
        app.UseMiddleware<ReservedPaths>();
        app.UseMiddleware<DisguisedDots>();
        app.UseMiddleware<OwnCookies>();
        app.UseMiddleware<ResultMemberMiddleware>();
        app.UseRouting();
        app.UseMiddleware<AdminGuard>();
        app.UseMiddleware<UnknownReservedPaths>();
        app.UseRequestTimeouts();
        app.UseMiddleware<TracedAttempts>();

        app.Services.GetRequiredService<ResultEndpoints>().Map(app);
        app.Services.GetRequiredService<StepEndpoints>().Map(app.MapGroup("").OnControlListener());
        app.Services.GetRequiredService<CallbackEndpoints>().Map(app);
        app.Services.GetRequiredService<EventEndpoints>().Map(app.MapGroup("").OnControlListener());
        app.Services.GetRequiredService<AdminEndpoints>().Map(app.MapGroup("").OnControlListener());
        app.MapGroup("").OnControlListener().MapHealth();
        app.MapGroup("").OnControlListener().MapDashboard();
        app.MapGroup("").OnControlListener().MapMetrics();
        app.MapReverseProxy(proxy =>
        {
            if (line.Upstream is not null) proxy.UseMiddleware<UpstreamHostHintMiddleware>();
            proxy.UseMiddleware<RouteCounting>();
            proxy.UseMiddleware<DurableMiddleware>();
            proxy.UseMiddleware<BuildPinning>();
            proxy.UseSessionAffinity();
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
        });
        return app;
    }

    private static IServiceCollection AddStorage(this IServiceCollection services)
    {
        services.TryAddSingleton(new StoreClock(TimeProvider.System));
        services.TryAddSingleton<IRunStore, RedisRunStore>();
        return services
            .AddSingleton<TimeProvider>(provider => provider.GetRequiredService<StoreClock>())
            .AddSingleton<KeyRing>()
            .AddSingleton<StoreConnection>()
            .AddHostedService(provider => provider.GetRequiredService<StoreConnection>())
            .AddSingleton<RecordCodec>()
            .AddSingleton<StepValues>()
            .AddSingleton<RunHistory>()
            .AddSingleton<FlowStore>()
            .AddSingleton<IdempotencyKeys>()
            .AddSingleton<StreamStore>()
            .AddSingleton<IWaitStore, RedisWaitStore>()
            .AddSingleton<IEventStore, RedisEventStore>();
    }

    private static IServiceCollection AddRuns(this IServiceCollection services, GatewaySettings settings) => services
        .AddSingleton(new EngineSettings(settings.Lease))
        .AddSingleton(new StoreWishes(settings.Notices?.Wishes ?? NoticeWishes.None, settings.SearchHeaders))
        .AddSingleton<RunEngine>()
        .AddSingleton<FlowControl>()
        .AddHostedService(provider => provider.GetRequiredService<FlowControl>())
        .AddSingleton<Waits>()
        .AddSingleton<EventDelivery>()
        .AddSingleton<InvocationResults>()
        .AddSingleton<AttemptRegistry>()
        .AddHostedService(provider => provider.GetRequiredService<AttemptRegistry>());

    private static IServiceCollection AddDurableProxy(this IServiceCollection services, RouteSource routes)
    {
        services.AddRequestTimeouts();
        services.AddReverseProxy().LoadFromConfig(routes.Section)
            .AddTransforms<BodilessResponses>()
            .AddTransforms<AttemptTransforms>()
            .AddTransforms<Transparency>()
            .AddTransforms<Http1Trailers>()
            .AddTransforms<ForwardedHeaders>()
            .AddTransforms<InlinedSteps>();
        return services
            .AddSingleton(routes)
            .AddSingleton<IForwarderHttpClientFactory, FlushingClientFactory>()
            .AddSingleton<MatcherPolicy, ListenerMatcherPolicy>()
            .AddSingleton<PolicyRegistry>()
            .AddSingleton<CallbackAddresses>()
            .AddSingleton<Tokens>()
            .AddSingleton<RunIds>()
            .AddSingleton<LiveAnswers>()
            .AddSingleton<ServiceBuilds>()
            .AddSingleton<RequestFlow>()
            .AddSingleton<AcceptedRequests>()
            .AddSingleton<ExistingRuns>()
            .AddSingleton<LiveAttempts>()
            .AddSingleton<Invocations>()
            .AddSingleton<FailureReasons>()
            .AddSingleton<StepCalls>()
            .AddSingleton<StepEndpoints>()
            .AddSingleton<ApiKeys>()
            .AddSingleton<OidcTokens>()
            .AddSingleton<AdminAccess>()
            .AddSingleton<EventEndpoints>()
            .AddSingleton<CallbackUrls>()
            .AddSingleton<CallbackEndpoints>()
            .AddSingleton<ResultEndpoints>()
            .AddSingleton<ClientResults>()
            .AddSingleton<KeptRequests>()
            .AddSingleton<ProgressStream>()
            .AddSingleton<StreamFollower>()
            .AddSingleton<ResultUrls>()
            .AddSingleton<ResultAccess>()
            .AddSingleton<EndedRuns>();
    }

    private static IServiceCollection AddReplay(this IServiceCollection services) => services
        .AddSingleton(provider =>
            new DueClock(provider.GetRequiredService<GatewaySettings>().Shards, provider.GetRequiredService<TimeProvider>()))
        .AddSingleton<RunSignals>()
        .AddSingleton<IRunSignals>(provider => provider.GetRequiredService<RunSignals>())
        .AddHostedService(provider => provider.GetRequiredService<RunSignals>())
        .AddSingleton<Errands>()
        .AddNotices()
        .AddSingleton<ReplaySlots>()
        .AddSingleton<ReplayRunner>()
        .AddHostedService<ReplayLoop>()
        .AddSingleton<PublicTransport>()
        .AddSingleton<IConnectionListenerFactory>(provider => provider.GetRequiredService<PublicTransport>())
        .AddHostedService<Drain>();
}
