using System;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client.Http;

/// <summary>
/// A client handler for calls through the egress listener of the gateway. Use it for clients all of whose calls go there.
/// </summary>
/// <remarks>
/// Calls of a durable handler belong to its run, so that the gateway remembers them if the route says so. Calls in a step are marked: the
/// outcome of the step is stored already, so the gateway does not remember them a second time. If the gateway has no such listener, and
/// outside of durable handlers, requests pass as they are.
/// </remarks>
public sealed class DurableEgressHandler : DelegatingHandler
{
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
        if (request is null) throw new ArgumentNullException(nameof(request));
        EgressFlow.HandOn(request);
        return base.SendAsync(request, cancellationToken);
    }
}
