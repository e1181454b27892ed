using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Travels with the HTTP context of an attempt, live or replayed, through YARP's pipeline. The transforms record the service's answer in
/// it, and the code that started the attempt reads it afterwards.
/// </summary>
internal sealed class AttemptFeature(Attempt attempt)
{
    public Attempt Attempt { get; } = attempt;

    /// <summary>The live request's body as it is captured; <see langword="null"/> if there is none.</summary>
    public RequestCapture? RequestBody { get; init; }

    /// <summary>Cancelled when the live request's client disconnects.</summary>
    public CancellationToken ClientGone { get; init; }

    /// <summary>The response body feature of the server. Completing a body that replaces it does not end the response.</summary>
    public IHttpResponseBodyFeature? ClientBody { get; init; }

    /// <summary>The request may have reached the service.</summary>
    public bool IsSent { get; set; }

    /// <summary>The client has the whole response, or is receiving its end.</summary>
    public bool IsReleased { get; set; }

    /// <summary>The run's permit; <see langword="null"/> without a concurrency limit.</summary>
    public FlowControl.Permit? Permit { get; set; }

    /// <summary>The outcome of the response; <see langword="null"/> if no response arrived.</summary>
    public AttemptOutcome? Outcome { get; set; }

    /// <summary>The service declared its failure final (<c>Durable-Retry: ?0</c>).</summary>
    public bool IsFinalAnswer { get; set; }

    /// <summary>Reads what the response says about its failure, from its body; <see langword="null"/> if it is no failure.</summary>
    public Func<ReadOnlyMemory<byte>, bool, FailureText>? Explain { get; set; }

    /// <summary>What a suppressed response says about its failure.</summary>
    public FailureText Failure { get; set; }

    /// <summary><c>Retry-After</c> of a failed response.</summary>
    public TimeSpan? RetryAfter { get; set; }

    /// <summary>
    /// The stored steps that the handler did not ask for, or asked for with another type, as the handler reports them;
    /// <see langword="null"/> if there are none.
    /// </summary>
    public string? Mismatch { get; set; }

    /// <summary>The client does not get this response: the gateway writes its own.</summary>
    public bool IsSuppressed { get; set; }

    /// <summary>The status of the service's response.</summary>
    public int Status { get; set; }

    /// <summary>The result URL, if the client has received it or is about to.</summary>
    public string? ResultUrl { get; set; }

    /// <summary>Stores the events of a response that its client can resume; <see langword="null"/> for any other response.</summary>
    public StreamKeeper? Keeper { get; set; }

    /// <summary>The body of the response as it is read from the service; <see langword="null"/> if no response arrived.</summary>
    public ServiceContent? Body { get; set; }

    /// <summary>The service sent its whole response. A partial response is never a result.</summary>
    public bool IsWhole => Body is { HasEnded: true } || IsUpgraded;

    /// <summary>The connection was upgraded to another protocol. Nothing of it is stored.</summary>
    public bool IsUpgraded { get; set; }

    /// <summary>Stored outcomes were put into the attempt's headers.</summary>
    public bool HasInlinedSteps { get; set; }

    /// <summary>The gateway holds back the end of the response until the run has its result.</summary>
    public bool HoldsEnd => !IsReleased && (Capture is not null || Keeper is not null);

    /// <summary>The copy of the response, if one is made. A replay always has one.</summary>
    public ResponseCapture? Capture { get; set; }

    /// <summary>The headers of the response as they go to the client.</summary>
    public IReadOnlyList<HeaderLine> ResponseHeaders { get; set; } = [];
}
