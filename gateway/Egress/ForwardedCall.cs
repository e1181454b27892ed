using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Egress;

/// <summary>One try of a call. Travels with the HTTP context through YARP's pipeline.</summary>
internal sealed class ForwardedCall(
    StepRules rules, long maxBytes, CallTries? tries, Action cancel, CancellationToken callerGone)
{
    /// <summary>RFC 8470, section 5.2.</summary>
    private const int TooEarly = 425;

    public StepRules Rules => rules;

    /// <summary>The tries of the call; <see langword="null"/> if the route allows only one.</summary>
    public CallTries? Tries => tries;

    public long MaxBytes => maxBytes;

    /// <summary>Cancelled when the service that made the call disconnects.</summary>
    public CancellationToken CallerGone => callerGone;

    /// <summary>The status of the response; 0 if none arrived.</summary>
    public int Status { get; set; }

    /// <summary>What a failed response asks for.</summary>
    public TimeSpan? RetryAfter { get; set; }

    public string Destination { get; set; } = "";
    public IReadOnlyList<HeaderLine> Headers { get; set; } = [];
    public ServiceContent? Content { get; set; }

    /// <summary>The response as it is kept; <see langword="null"/> if it passes.</summary>
    public HeldResponse? Held { get; set; }

    /// <summary>Why the response is not remembered, for operators; <see langword="null"/> if that is nothing unusual.</summary>
    public string? Note { get; set; }

    /// <summary>Whether only the end of the connection says that the response is whole (RFC 9112, 8).</summary>
    public bool EndsWithConnection { get; set; }

    public bool IsWhole => Content is { HasEnded: true };

    /// <summary>The failure, if there was no whole response.</summary>
    public IForwarderErrorFeature? Error { get; set; }

    /// <summary>
    /// Whether the call was not carried out: the service refused it before it began (RFC 8470, 5.2; RFC 6585, 4; RFC 9110, 15.6.4), or
    /// there was no connection. Any other failure says nothing: a proxy answers 502 and 504, and often 503, for a call that it has sent.
    /// </summary>
    public bool HasCertainlyFailed =>
        Status > 0 ? !rules.IsOutcome(Status)
            && (Status is TooEarly or StatusCodes.Status429TooManyRequests
                || (Status == StatusCodes.Status503ServiceUnavailable && RetryAfter is not null))
        : Error is not null && ForwardingFailure.IsUnreachable(Error.Error, Error.Exception);

    /// <summary>Plans another try after this one has failed, if it may be made.</summary>
    public bool TryPlanNext() => tries is not null && (!rules.Once || HasCertainlyFailed) && tries.TryPlan(RetryAfter);

    /// <summary>The response is not remembered, so the call need not go on without its caller.</summary>
    public void EndWithCaller() => callerGone.UnsafeRegister(static cancel => ((Action)cancel!)(), cancel);

    public StoredResponse ToResponse(HttpContext context) => new(Status, Headers, Held!.Body,
        context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is { Count: > 0 } trailers ? HopByHopHeaders.Keep(trailers) : []);
}
