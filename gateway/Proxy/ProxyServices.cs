using DurableGateway.Configuration;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

internal static class ProxyServices
{
    public static IServiceCollection AddDurableProxy(this IServiceCollection services, RouteSource routes, ForwardSettings forward)
    {
        services.AddRequestTimeouts();

        // YARP calls the transforms of requests and of responses in this order.
        var (builtRoutes, builtClusters) = ForwardRoutes.Built(forward);
        services.AddReverseProxy().LoadFromConfig(routes.Section)
            .LoadFromMemory(builtRoutes, builtClusters)

            // First, because it may remove the body of the response before another transform reads it.
            .AddTransforms<BodilessResponseTransforms>()

            // Judges the response: what comes after it sees whether its body goes to the client.
            .AddTransforms<AttemptResponseTransforms>()

            .AddTransforms<Http1TrailerTransforms>()

            // May send the head of the response, so it comes after all transforms that set response headers.
            .AddTransforms<TransparencyTransforms>()
            .AddTransforms<ForwardedHeaderTransforms>()

            // Counts the bytes of all headers, so after all that set headers of the request.
            .AddTransforms<AttemptRequestTransforms>();
        return services
            .AddSingleton<IForwarderHttpClientFactory, FlushingClientFactory>()
            .AddSingleton<EgressCarriers>()
            .AddSingleton<RouteEndpointSource>()
            .AddSingleton<IConfigChangeListener>(provider => provider.GetRequiredService<RouteEndpointSource>())
            .AddSingleton<RunIdFactory>()
            .AddSingleton<LiveResponder>()
            .AddSingleton<ServiceBuildTracker>()
            .AddSingleton<RequestFlow>()
            .AddSingleton<RequestDrafts>()
            .AddSingleton<LiveResponses>()
            .AddSingleton<AsyncRequestHandler>()
            .AddSingleton<IdempotentRequestHandler>()
            .AddSingleton<LiveAttemptHandler>()
            .AddSingleton<InvocationDispatcher>();
    }

    /// <summary>Maps YARP's routes. Their endpoints exist from here on.</summary>
    public static void MapDurableProxy(this IEndpointRouteBuilder app, Action<IReverseProxyApplicationBuilder> pipeline)
    {
        var others = app.DataSources.ToArray();
        app.MapReverseProxy(pipeline);
        var routes = app.DataSources.Except(others).Single();
        app.DataSources.Remove(routes);
        var endpoints = app.ServiceProvider.GetRequiredService<RouteEndpointSource>();
        endpoints.Follow(routes);
        app.DataSources.Add(endpoints);
    }
}
