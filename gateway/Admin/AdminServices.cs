using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace DurableGateway.Admin;

/// <summary>Registers the services of the admin API.</summary>
internal static class AdminServices
{
    public static IServiceCollection AddAdmin(this IServiceCollection services)
    {
        // GatewayErrors turns the exception for a malformed body into problem details.
        services.Configure<Microsoft.AspNetCore.Routing.RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddOpenApi(AdminEndpoints.DocumentName, options =>
        {
            options.ShouldInclude = endpoint =>
                endpoint.RelativePath?.StartsWith(AdminEndpoints.Path[1..] + "/", StringComparison.Ordinal) ?? false;
            options.AddDocumentTransformer((document, _, _) =>
            {
                document.Info = new()
                {
                    Title = "Durable Gateway, admin API",
                    Version = "v1",
                    Description = "Lists runs and acts on them.",
                };
                document.Servers = [];
                return Task.CompletedTask;
            });
        });
        // Tests of the dashboard register their own.
        services.TryAddSingleton<IRunAdmin, RunAdmin>();
        return services
            .AddSingleton<ApiKeyValidator>()
            .AddSingleton<OidcTokenValidator>()
            .AddSingleton<AdminAccess>()
            .AddSingleton<BodyMasker>()
            .AddSingleton<IFailureReader, FailureReader>()
            .AddSingleton<OperatorCommandHandler>()
            .AddSingleton<RouteViewReader>()
            .AddSingleton<BulkActionRunner>()
            .AddSingleton<IOutboxHandler>(provider => provider.GetRequiredService<BulkActionRunner>())
            .AddHostedService(provider => provider.GetRequiredService<BulkActionRunner>())
            .AddSingleton<AdminEndpoints>()
            .AddSingleton<RouteCounter>()
            .AddSingleton<IRunObserver>(provider => provider.GetRequiredService<RouteCounter>())
            .AddSingleton<IRequestObserver>(provider => provider.GetRequiredService<RouteCounter>())
            .AddHostedService(provider => provider.GetRequiredService<RouteCounter>());
    }

    public static void MapAdmin(this IEndpointRouteBuilder routes) =>
        routes.ServiceProvider.GetRequiredService<AdminEndpoints>().Map(routes);

    /// <summary>Adds the problem responses with these statuses to the OpenAPI document.</summary>
    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder endpoint, params int[] statuses)
    {
        foreach (var status in statuses.Append(401).Append(503)) endpoint.Produces<Problem>(status, Problem.ContentType);
        return endpoint;
    }
}
