namespace DurableGateway.Results;

internal static class ResultServices
{
    public static IServiceCollection AddResults(this IServiceCollection services) => services
        .AddSingleton<ResultEndpoints>()
        .AddSingleton<ClientResults>()
        .AddSingleton<KeptRequests>()
        .AddSingleton<ProgressStream>()
        .AddSingleton<StreamFollower>()
        .AddSingleton<ResultUrls>()
        .AddSingleton<ResultAccess>();

    public static void MapResults(this IEndpointRouteBuilder routes) => routes.ServiceProvider.GetRequiredService<ResultEndpoints>().Map(routes);
}
