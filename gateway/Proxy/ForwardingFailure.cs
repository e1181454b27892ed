using System.Net.Sockets;
using System.Security.Authentication;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

/// <summary>Explains to operators why the forwarder has no whole response from the service.</summary>
internal static class ForwardingFailure
{
    private const int MaxChars = 300;

    /// <summary>The failure, for log, history, dashboard and CLI. Clients do not get it, because it may name hosts.</summary>
    /// <param name="error">The forwarder's error.</param>
    /// <param name="exception">The exception behind it, if there is one.</param>
    public static string Explain(ForwarderError error, Exception? exception) => error switch
    {
        ForwarderError.NoAvailableDestinations => "no destination of the cluster is available",
        ForwarderError.RequestTimedOut when IsConnectTimeout(exception) => "connection timed out",
        ForwarderError.RequestTimedOut => "timed out",
        ForwarderError.RequestCanceled or ForwarderError.ResponseBodyCanceled => "canceled",
        ForwarderError.ResponseBodyDestination => "the response was cut off" + Because(exception),
        ForwarderError.ResponseBodyClient => "the response could not be passed on",
        ForwarderError.RequestBodyDestination => "the service stopped reading the request" + Because(exception),
        _ => Cause(exception) ?? Words(error),
    };

    private static string Words(ForwarderError error) => error switch
    {
        ForwarderError.None => "the service sent no whole response",
        ForwarderError.RequestCreation => "the request could not be created",
        ForwarderError.RequestBodyCanceled or ForwarderError.RequestBodyClient => "the client stopped sending the request",
        ForwarderError.UpgradeRequestCanceled or ForwarderError.UpgradeRequestClient or ForwarderError.UpgradeRequestDestination
            or ForwarderError.UpgradeResponseCanceled or ForwarderError.UpgradeResponseClient
            or ForwarderError.UpgradeResponseDestination or ForwarderError.UpgradeActivityTimeout => "the upgraded connection failed",
        _ => "the request could not be sent",
    };

    /// <summary>Whether there was no connection at all, so that the service cannot have received any of the request.</summary>
    /// <param name="error">The forwarder's error.</param>
    /// <param name="exception">The exception behind it, if there is one.</param>
    public static bool IsUnreachable(ForwarderError error, Exception? exception) => error switch
    {
        ForwarderError.NoAvailableDestinations => true,
        ForwarderError.RequestTimedOut => IsConnectTimeout(exception),
        ForwarderError.Request => exception is HttpRequestException { HttpRequestError: var cause } && (cause switch
        {
            HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.ProxyTunnelError => true,

            // A handshake that breaks off may be a service that starts or stops. A refused certificate stays refused.
            HttpRequestError.SecureConnectionError => Find<AuthenticationException>(exception) is null,
            _ => false,
        }),
        _ => false,
    };

    /// <summary>SocketsHttpHandler reports a time-out of the whole request as a cancellation without an inner exception.</summary>
    private static bool IsConnectTimeout(Exception? exception) =>
        exception is OperationCanceledException { InnerException: TimeoutException };

    private static string Because(Exception? exception) => Cause(exception) is { } cause ? $" ({cause})" : "";

    private static string? Cause(Exception? exception)
    {
        if (exception is null) return null;
        if (Find<AuthenticationException>(exception) is { } refused) return "TLS handshake failed: " + Bounded(refused.Message);
        if (Find<SocketException>(exception) is { } socket)
        {
            return socket.SocketErrorCode switch
            {
                SocketError.ConnectionRefused => "connection refused",
                SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown => "connection reset",
                SocketError.TimedOut => "connection timed out",
                SocketError.HostNotFound or SocketError.NoData => "host name not found",
                SocketError.TryAgain => "host name could not be resolved",
                SocketError.HostUnreachable or SocketError.HostDown => "host unreachable",
                SocketError.NetworkUnreachable or SocketError.NetworkDown => "network unreachable",
                _ => Bounded(socket.Message),
            };
        }

        return Find<HttpRequestException>(exception)?.HttpRequestError switch
        {
            HttpRequestError.NameResolutionError => "host name not found",
            HttpRequestError.SecureConnectionError => "TLS handshake failed",
            HttpRequestError.ResponseEnded => "the connection was closed without a whole response",
            HttpRequestError.InvalidResponse => "the response is not valid HTTP: " + Bounded(exception.GetBaseException().Message),
            HttpRequestError.ConfigurationLimitExceeded => "the response exceeds a limit: " + Bounded(exception.GetBaseException().Message),
            _ => Bounded(exception.GetBaseException().Message),
        };
    }

    private static T? Find<T>(Exception? exception) where T : Exception
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is T found) return found;
        }

        return null;
    }

    /// <summary>Shortens a message, because a library may quote in it what a service sent.</summary>
    private static string Bounded(string message)
    {
        var line = string.Concat(message.Take(MaxChars).Select(letter => char.IsControl(letter) ? ' ' : letter));
        return message.Length > MaxChars ? line + "…" : line;
    }
}
