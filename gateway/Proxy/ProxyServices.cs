using DurableGateway.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

internal static class ProxyServices
{
    public static IServiceCollection AddDurableProxy(this IServiceCollection services, RouteSource routes)
    {
        services.AddRequestTimeouts();

        // YARP calls the transforms of requests in this order, and those of responses in this order too.
        services.AddReverseProxy().LoadFromConfig(routes.Section)

            // Before any other reads the body of a response, because it may take that away.
            .AddTransforms<BodilessResponseTransforms>()

            // Judges the response: what comes after it sees whether its body goes to the client.
            .AddTransforms<AttemptTransforms>()

            .AddTransforms<Http1Trailers>()

            // May send the head of the response, so after all that set headers of it.
            .AddTransforms<Transparency>()
            .AddTransforms<ForwardedHeaders>()

            // Counts the bytes of all headers, so after all that set headers of the request.
            .AddTransforms<InlinedSteps>();
        return services
            .AddSingleton<IForwarderHttpClientFactory, FlushingClientFactory>()
            .AddSingleton<RunIds>()
            .AddSingleton<LiveAnswers>()
            .AddSingleton<ServiceBuilds>()
            .AddSingleton<RequestFlow>()
            .AddSingleton<AcceptedRequests>()
            .AddSingleton<ExistingRuns>()
            .AddSingleton<LiveAttempts>()
            .AddSingleton<Invocations>();
    }
}
