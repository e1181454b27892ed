using DurableGateway.Http;

namespace DurableGateway.Events;

internal static class EventServices
{
    public static IServiceCollection AddEvents(this IServiceCollection services) => services
        .AddSingleton<EventEndpoints>()
        .AddSingleton<CallbackUrls>()
        .AddSingleton<CallbackEndpoints>();

    /// <summary>Maps callbacks on the public listener and events on the control listener.</summary>
    public static void MapEvents(this IEndpointRouteBuilder routes)
    {
        routes.ServiceProvider.GetRequiredService<CallbackEndpoints>().Map(routes);
        routes.ServiceProvider.GetRequiredService<EventEndpoints>().Map(routes.MapGroup("").OnControlListener());
    }
}
