using DurableGateway.Runs;

namespace DurableGateway.Notices;

internal static class NoticeServices
{
    private const int MaxConnections = 16;

    public static IServiceCollection AddNotices(this IServiceCollection services)
    {
        var client = services.AddHttpClient(NoticeDelivery.Client)
            .ConfigureHttpClient(http => http.Timeout = Timeout.InfiniteTimeSpan)

            // A webhook that has moved is to be told to the gateway by its configuration, not by whoever answers there now.
            .ConfigurePrimaryHttpMessageHandler(() =>
                new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, MaxConnectionsPerServer = MaxConnections });

        // What keeps a notice safe is its queue. Here a hiccup is smoothed, and a webhook that is down is left alone for a while.
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
