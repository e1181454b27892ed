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
    /// Makes <see cref="IStep"/> available to handlers, controllers and services of a request. The handler itself is wrapped by
    /// <see cref="Microsoft.AspNetCore.Builder.DurableStepsEndpointExtensions.WithDurableSteps{TBuilder}"/> or
    /// <see cref="Microsoft.AspNetCore.Builder.DurableStepsEndpointExtensions.UseDurableSteps"/>.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Changes how steps are kept.</param>
    /// <returns>
    /// The HTTP client that talks to the gateway, for a handler or a certificate of your own. It repeats calls that got no answer
    /// or <c>503</c>, four times within about three seconds. Its calls are not logged; what is to be known of them is logged of the steps.
    /// </returns>
    public static IHttpClientBuilder AddDurableSteps(this IServiceCollection services, Action<DurableStepsOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var isFirst = !services.Any(service => service.ServiceType == typeof(StepScope));

        // Before what the application says of the options, so that it has the last word.
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
