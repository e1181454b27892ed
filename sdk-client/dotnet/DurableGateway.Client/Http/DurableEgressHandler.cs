using System;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client.Http;

/// <summary>
/// A client handler for calls through the egress listener of the gateway. Use it for clients all of whose calls go there.
/// </summary>
/// <remarks>
/// <para>Calls of a durable handler belong to its run, so that the gateway remembers them if the route says so. Calls in a step are
/// marked: the outcome of the step is stored already, so the gateway does not remember them a second time. If the gateway has no such
/// listener, and outside of durable handlers, requests pass as they are.</para>
/// <para>A redirect to another origin takes neither the token nor the mark with it. For this, the handler turns off the redirects of the
/// primary handler, if that is a <c>SocketsHttpHandler</c> or an <see cref="HttpClientHandler"/>, and follows them in its place, if it did.
/// Another primary handler must not follow redirects. Do not share the primary handler with clients that have no such handler.</para>
/// </remarks>
public sealed class DurableEgressHandler : DelegatingHandler
{
    private readonly object _gate = new();
    private bool _hasRedirects;

    /// <summary>Creates a handler without an inner handler, for example for the HTTP client factory, which sets it.</summary>
    public DurableEgressHandler()
    {
    }

    /// <summary>Creates a handler with an inner handler.</summary>
    /// <param name="innerHandler">The inner handler.</param>
    public DurableEgressHandler(HttpMessageHandler innerHandler)
        : base(innerHandler)
    {
    }

    /// <inheritdoc/>
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HandOn(request);
        return base.SendAsync(request, cancellationToken);
    }

#if NET
    /// <inheritdoc/>
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HandOn(request);
        return base.Send(request, cancellationToken);
    }
#endif

    private void HandOn(HttpRequestMessage request)
    {
        if (request is null) throw new ArgumentNullException(nameof(request));
        TakeRedirects();
        EgressFlow.HandOn(request);
    }

    /// <summary>Before the first request, because the handlers below cannot be changed later. Only now are all of them known.</summary>
    private void TakeRedirects()
    {
        if (Volatile.Read(ref _hasRedirects)) return;
        lock (_gate)
        {
            if (_hasRedirects) return;
            EgressRedirectHandler.Insert(this);
            Volatile.Write(ref _hasRedirects, true);
        }
    }
}
