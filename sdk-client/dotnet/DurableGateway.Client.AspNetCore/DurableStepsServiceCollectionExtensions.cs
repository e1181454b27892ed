using System.Net;
using DurableGateway.Client;
using DurableGateway.Client.AspNetCore;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Polly;
using Polly.Retry;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers durable steps.</summary>
public static class DurableStepsServiceCollectionExtensions
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Makes <see cref="IStep"/> available to handlers, controllers and services of a request. To wrap the handler, use
    /// <see cref="Microsoft.AspNetCore.Builder.DurableStepsEndpointExtensions.WithDurableSteps{TBuilder}"/> or
    /// <see cref="Microsoft.AspNetCore.Builder.DurableStepsEndpointExtensions.UseDurableSteps"/>.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Configures the options of the steps.</param>
    /// <returns>
    /// The builder of the HTTP client that calls the gateway, to add your own handler or certificate. The client retries calls that get no
    /// answer or <c>503</c>, four times within about three seconds. Its calls are not logged, because the log has the steps.
    /// </returns>
    public static IHttpClientBuilder AddDurableSteps(this IServiceCollection services, Action<DurableStepsOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var isFirst = !services.Any(service => service.ServiceType == typeof(StepScope));

        // Registered before the application's configuration, so that the application can override it.
        if (isFirst) services.AddOptions<DurableStepsOptions>().Configure<IServiceProvider>(SetDefaults);
        if (configure is not null) services.Configure(configure);
        if (!isFirst) return services.AddHttpClient(StepScope.HttpClientName);
        services.AddOptions<DurableStepsOptions>().PostConfigure<IOptions<JsonOptions>>((steps, json) =>
            steps.Json ??= json.Value.SerializerOptions);
        services.AddScoped<StepScope>();
        services.AddScoped(provider => provider.GetRequiredService<StepScope>().Step);
        services.AddSingleton<UnwrappedHandlers>();
        services.AddSingleton<IStartupFilter>(provider => provider.GetRequiredService<UnwrappedHandlers>());

        var client = services.AddHttpClient(StepScope.HttpClientName, http => http.Timeout = Timeout.InfiniteTimeSpan);
        client.RemoveAllLoggers();
        client.AddResilienceHandler("checkpoint", pipeline => pipeline
            .ConfigureTelemetry(NullLoggerFactory.Instance)
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = 4,
                Delay = TimeSpan.FromMilliseconds(200),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = new PredicateBuilder<HttpResponseMessage>()
                    .Handle<HttpRequestException>()
                    .Handle<Polly.Timeout.TimeoutRejectedException>()
                    .HandleResult(response => response.StatusCode == HttpStatusCode.ServiceUnavailable),
            })
            .AddTimeout(CallTimeout));
        return client;
    }

    private static void SetDefaults(DurableStepsOptions steps, IServiceProvider provider)
    {
        steps.TimeProvider = provider.GetService<TimeProvider>() ?? steps.TimeProvider;
        steps.LoggerFactory = provider.GetService<ILoggerFactory>();
        steps.ErrorDetails = provider.GetService<IHostEnvironment>()?.IsDevelopment() == true;
    }
}
