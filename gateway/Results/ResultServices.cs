namespace DurableGateway.Results;

internal static class ResultServices
{
    public static IServiceCollection AddResults(this IServiceCollection services) => services
        .AddSingleton<ResultEndpoints>()
        .AddSingleton<ClientResultReader>()
        .AddSingleton<KeptRequestDetector>()
        .AddSingleton<ProgressStream>()
        .AddSingleton<StreamFollower>()
        .AddSingleton<ResultUrlFactory>()
        .AddSingleton<ResultAccess>();

    public static void MapResults(this IEndpointRouteBuilder routes) =>
        routes.ServiceProvider.GetRequiredService<ResultEndpoints>().Map(routes);
}
