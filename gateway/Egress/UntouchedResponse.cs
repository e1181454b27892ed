using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Egress;

/// <summary>
/// A response that has not started, as it was before a call was forwarded. A failed try leaves its head and its error there.
/// </summary>
internal sealed class UntouchedResponse(HttpContext context)
{
    private readonly IHttpResponseBodyFeature? _body = context.Features.Get<IHttpResponseBodyFeature>();
    private readonly IHttpResponseTrailersFeature? _trailers = context.Features.Get<IHttpResponseTrailersFeature>();

    public void Restore()
    {
        context.Response.Clear();
        context.Features.Set(_body);
        context.Features.Set(_trailers);
        context.Features.Set<IForwarderErrorFeature>(null);
    }
}
