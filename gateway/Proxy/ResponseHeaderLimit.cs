using DurableGateway.Configuration;
using DurableGateway.Protocol;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

/// <summary>The limit of a response's header section, <c>Durable:Limits:MaxResponseHeadersTotalSize</c>.</summary>
internal static class ResponseHeaderLimit
{
    /// <summary>The problem for a response that exceeded the limit; <see langword="null"/> if it did not.</summary>
    public static Problem? TooLarge(HttpContext context, RunId? run)
    {
        for (var error = context.Features.Get<IForwarderErrorFeature>()?.Exception; error is not null; error = error.InnerException)
        {
            if (error is not HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded }) continue;
            var limits = context.RequestServices.GetRequiredService<GatewaySettings>().Limits;
            return Problems.ResponseHeadersTooLarge(run, limits.MaxResponseHeadersTotalSize);
        }

        return null;
    }
}
