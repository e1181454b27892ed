using DurableGateway.Client;
using DurableGateway.Client.AspNetCore;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Wraps handlers that use <see cref="IStep"/>.</summary>
public static class DurableStepsEndpointExtensions
{
    /// <summary>Makes the handler of the endpoint durable, so that it can use <see cref="IStep"/>.</summary>
    /// <typeparam name="TBuilder">The kind of endpoint: a minimal API, a group, or mapped controllers.</typeparam>
    /// <param name="builder">The endpoint, or the group of endpoints.</param>
    public static TBuilder WithDurableSteps<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Add(endpoint => endpoint.Metadata.Add(DurableStepsMetadata.Instance));
        builder.Finally(endpoint =>
        {
            if (endpoint.RequestDelegate is { } handler)
                endpoint.RequestDelegate = context => DurableStepsHandler.InvokeAsync(context, handler);
        });
        return builder;
    }

    /// <summary>
    /// Makes every handler after this point of the pipeline durable. Add it after authentication and before the handlers.
    /// </summary>
    /// <param name="app">The pipeline.</param>
    public static IApplicationBuilder UseDurableSteps(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        if (app.ApplicationServices.GetService<UnwrappedHandlers>() is { } unwrapped) unwrapped.PipelineIsWrapped = true;
        return app.Use(next => context => DurableStepsHandler.InvokeAsync(context, next));
    }
}
