using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Egress;

/// <summary>Travels with the HTTP context of a call that is forwarded and may be remembered, through YARP's pipeline.</summary>
internal sealed class ForwardedCall(StepRules rules, long maxBytes, Action cancel, CancellationToken callerGone)
{
    public StepRules Rules => rules;
    public long MaxBytes => maxBytes;

    /// <summary>Cancelled when the service that made the call disconnects.</summary>
    public CancellationToken CallerGone => callerGone;

    /// <summary>The status of the response; 0 if none arrived.</summary>
    public int Status { get; set; }

    public string Destination { get; set; } = "";
    public IReadOnlyList<HeaderLine> Headers { get; set; } = [];
    public ServiceContent? Content { get; set; }

    /// <summary>The response as it is kept; <see langword="null"/> if it passes.</summary>
    public HeldResponse? Held { get; set; }

    /// <summary>Why the response is not remembered, for operators; <see langword="null"/> if that is nothing unusual.</summary>
    public string? Note { get; set; }

    public bool IsWhole => Content is { HasEnded: true };

    /// <summary>The response is not remembered, so the call need not go on without its caller.</summary>
    public void EndWithCaller() => callerGone.UnsafeRegister(static cancel => ((Action)cancel!)(), cancel);

    public StoredResponse ToResponse(HttpContext context) => new(Status, Headers, Held!.Body,
        context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is { Count: > 0 } trailers ? HopByHopHeaders.Keep(trailers) : []);
}
