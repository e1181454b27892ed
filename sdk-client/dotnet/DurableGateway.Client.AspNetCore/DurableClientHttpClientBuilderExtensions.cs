using DurableGateway.Client.Http;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers HTTP clients of durable routes.</summary>
public static class DurableClientHttpClientBuilderExtensions
{
    /// <summary>The time-out that an <see cref="HttpClient"/> has if nobody sets one.</summary>
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(100);

    /// <summary>
    /// Adds a <see cref="DurableClientHandler"/> to a client, so that it returns the final response of a run. The primary handler no longer
    /// follows redirects. If the client has the default <see cref="HttpClient.Timeout"/>, it has none from here on: limit a call by its
    /// cancellation token.
    /// </summary>
    /// <param name="builder">The builder of the client. A primary handler of your own is registered before.</param>
    /// <param name="configure">Configures the handler.</param>
    /// <returns>The builder.</returns>
    public static IHttpClientBuilder AddDurableClientHandler(
        this IHttpClientBuilder builder, Action<DurableClientHandler>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder
            .ConfigureHttpClient(client =>
            {
                if (client.Timeout == DefaultTimeout) client.Timeout = Timeout.InfiniteTimeSpan;
            })
            .ConfigurePrimaryHttpMessageHandler((primary, _) =>
            {
                switch (primary)
                {
                    case SocketsHttpHandler sockets:
                        sockets.AllowAutoRedirect = false;
                        break;
                    case HttpClientHandler handler:
                        handler.AllowAutoRedirect = false;
                        break;
                }
            })
            .AddHttpMessageHandler(provider =>
            {
                var handler = new DurableClientHandler { LoggerFactory = provider.GetService<ILoggerFactory>() };
                configure?.Invoke(handler);
                return handler;
            });
    }
}
