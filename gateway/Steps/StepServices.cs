namespace DurableGateway.Steps;

internal static class StepServices
{
    public static IServiceCollection AddSteps(this IServiceCollection services) => services
        .AddSingleton<StepCallHandler>()
        .AddSingleton<StepCallTelemetry>()
        .AddSingleton<StepEndpoints>();

    public static void MapSteps(this IEndpointRouteBuilder routes) =>
        routes.ServiceProvider.GetRequiredService<StepEndpoints>().Map(routes);
}
