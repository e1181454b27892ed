using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc.Controllers;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace DurableGateway.Client.AspNetCore;

/// <summary>
/// Finds handlers that use <see cref="IStep"/> and are not wrapped: at startup if their parameters show it, otherwise when they are called.
/// A retry cannot help, so the response tells the gateway not to retry.
/// </summary>
internal sealed class UnwrappedHandlers : IStartupFilter
{
    /// <summary>Whether a whole pipeline is wrapped. Its endpoints are unknown, so they are not checked.</summary>
    public bool PipelineIsWrapped { get; set; }

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(handler => context =>
            context.Request.Headers.ContainsKey(DurableHeaders.Protocol) ? TellAsync(context, handler) : handler(context));
        next(app);
        if (!PipelineIsWrapped && app.ApplicationServices.GetService<EndpointDataSource>() is { } endpoints)
            ThrowIfAny(endpoints.Endpoints);
    };

    private static void ThrowIfAny(IReadOnlyList<Endpoint> endpoints)
    {
        var found = endpoints.Where(endpoint =>
            endpoint.Metadata.GetMetadata<DurableStepsMetadata>() is null && AsksForSteps(endpoint.Metadata))
            .Select(endpoint => $"'{endpoint.DisplayName}'").ToList();
        if (found.Count > 0) throw new StepUsageException($"{string.Join(", ", found)}: {StepScope.Unwrapped}");
    }

    private static bool AsksForSteps(EndpointMetadataCollection metadata)
    {
        var action = metadata.GetMetadata<ControllerActionDescriptor>();
        var method = action?.MethodInfo ?? metadata.GetMetadata<MethodInfo>();
        return method?.GetParameters().Any(IsStep) == true
            || action?.ControllerTypeInfo.GetConstructors().Any(constructor => constructor.GetParameters().Any(IsStep)) == true;
    }

    private static bool IsStep(ParameterInfo parameter) => parameter.ParameterType == typeof(IStep);

    private static async Task TellAsync(HttpContext context, RequestDelegate handler)
    {
        var scope = context.RequestServices.GetRequiredService<StepScope>();

        // An exception handler may turn the exception into a response.
        context.Response.OnStarting(() =>
        {
            if (scope.WasUsedUnwrapped) context.Response.Headers[DurableHeaders.Retry] = "?0";
            return Task.CompletedTask;
        });
        try
        {
            await handler(context);
        }
        catch (StepUsageException e) when (scope.WasUsedUnwrapped && !context.Response.HasStarted)
        {
            scope.Log.HandlerIsNotWrapped(e.Message, context.GetEndpoint()?.DisplayName ?? context.Request.Path.Value);
            await DurableStepsHandler.AnswerAsync(context, AttemptVerdict.Misused(e));
        }
    }
}
