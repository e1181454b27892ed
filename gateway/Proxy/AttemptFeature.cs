using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Travels with the HTTP context of an attempt, live or replayed, down YARP's pipeline: the transforms write down what the
/// service answered, and whoever started the attempt reads it afterwards.
/// </summary>
internal sealed class AttemptFeature(Attempt attempt)
{
    public Attempt Attempt { get; } = attempt;

    /// <summary>The live request's body as it is captured; <see langword="null"/> where there is none.</summary>
    public RequestCapture? RequestBody { get; init; }

    /// <summary>Cancelled when the live request's client goes away.</summary>
    public CancellationToken ClientGone { get; init; }

    /// <summary>The client's end of the response. A body that takes its place on the way does not end the response.</summary>
    public IHttpResponseBodyFeature? ClientBody { get; init; }

    /// <summary>The service may have had the request.</summary>
    public bool IsSent { get; set; }

    /// <summary>The client has the whole response, or is being given its end.</summary>
    public bool IsReleased { get; set; }

    /// <summary>The run's place, where its policy has only so many of them.</summary>
    public FlowControl.Permit? Permit { get; set; }

    /// <summary>What the response means; <see langword="null"/> where none arrived.</summary>
    public AttemptOutcome? Outcome { get; set; }

    /// <summary>The service itself said that its failure is final (<c>Durable-Retry: ?0</c>).</summary>
    public bool IsFinalAnswer { get; set; }

    /// <summary><c>Retry-After</c> of a failed response.</summary>
    public TimeSpan? RetryAfter { get; set; }

    /// <summary>
    /// The stored steps that the handler did not ask for, or as another type, as it says itself;
    /// <see langword="null"/> where there are none.
    /// </summary>
    public string? Mismatch { get; set; }

    /// <summary>The response is not for the client: the gateway makes its own.</summary>
    public bool IsSuppressed { get; set; }

    /// <summary>The status of the response, before the gateway made its own.</summary>
    public int Status { get; set; }

    /// <summary>The result URL, once it has been told to the client or is about to be.</summary>
    public string? ResultUrl { get; set; }

    /// <summary>Where the response is a stream of events that its client may resume.</summary>
    public StreamKeeper? Keeper { get; set; }

    /// <summary>The body of the response as it is read from the service; <see langword="null"/> where no response arrived.</summary>
    public ServiceContent? Body { get; set; }

    /// <summary>The service sent its response to the end. Anything else is no result.</summary>
    public bool IsWhole => Body is { HasEnded: true } || IsUpgraded;

    /// <summary>The connection was handed over to another protocol: nothing of that is kept.</summary>
    public bool IsUpgraded { get; set; }

    /// <summary>Stored outcomes were put into the attempt's headers.</summary>
    public bool HasInlinedSteps { get; set; }

    /// <summary>The end of the response is kept from the client until the run has its result.</summary>
    public bool HoldsEnd => !IsReleased && (Capture is not null || Keeper is not null);

    /// <summary>The copy of the response, where one is made; of a replay always.</summary>
    public ResponseCapture? Capture { get; set; }

    /// <summary>The headers of the response as they go to the client.</summary>
    public IReadOnlyList<HeaderLine> ResponseHeaders { get; set; } = [];
}
