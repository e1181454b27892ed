using DurableGateway.Runs;

namespace DurableGateway.Notices;

internal static class NoticeServices
{
    private const int MaxConnections = 16;

    public static IServiceCollection AddNotices(this IServiceCollection services)
    {
        var client = services.AddHttpClient(NoticeDelivery.Client)
            .ConfigureHttpClient(http => http.Timeout = Timeout.InfiniteTimeSpan)

            // Do not follow redirects: the configuration decides where notices go.
            .ConfigurePrimaryHttpMessageHandler(() =>
                new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, MaxConnectionsPerServer = MaxConnections });

        // The outbox retries for the long term. This covers a short failure, and pauses calls to a webhook that is down.
        client.AddStandardResilienceHandler(options =>
        {
            options.TotalRequestTimeout.Timeout = NoticeDelivery.Patience;
            options.AttemptTimeout.Timeout = NoticeDelivery.Patience / 2;
            options.Retry.MaxRetryAttempts = 1;
            options.Retry.Delay = TimeSpan.FromMilliseconds(500);
            options.CircuitBreaker.SamplingDuration = 2 * NoticeDelivery.Patience;
            options.CircuitBreaker.BreakDuration = TimeSpan.FromSeconds(5);
        });
        return services
            .AddSingleton<NoticeDelivery>()
            .AddSingleton<IOutboxHandler>(provider => provider.GetRequiredService<NoticeDelivery>());
    }
}
