using System.Collections.Generic;

namespace DurableGateway.Client;

/// <summary>The end of an attempt, and the response that the host must send (§4 of the wire contract).</summary>
public sealed class AttemptVerdict
{
    internal static readonly AttemptVerdict Completed = new(0);
    internal static readonly AttemptVerdict Suspended = new(202, [new(DurableHeaders.Suspended, "?1")]);

    private AttemptVerdict(int statusCode, IReadOnlyList<KeyValuePair<string, string>>? headers = null, byte[]? problem = null)
    {
        StatusCode = statusCode;
        Headers = headers ?? [];
        Problem = problem;
    }

    /// <summary>Whether the response of the handler is sent. If not, send a response from the following properties.</summary>
    public bool IsCompleted => StatusCode == 0;

    /// <summary>The status of the response.</summary>
    public int StatusCode { get; }

    /// <summary>The headers of the response. Set them on the handler's response too.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; }

    /// <summary>The body of the response, of type <c>application/problem+json</c>; <see langword="null"/> for no body.</summary>
    public byte[]? Problem { get; }

    /// <summary>Whether the run is parked, so that the handler is executed again later.</summary>
    public bool IsSuspended => StatusCode == 202;

    /// <summary>A copy with additional headers.</summary>
    internal AttemptVerdict With(IReadOnlyList<KeyValuePair<string, string>> headers) =>
        headers.Count == 0 ? this : new(StatusCode, [.. Headers, .. headers], Problem);

    internal static AttemptVerdict FailedForGood(StepProblem problem, IReadOnlyList<StepFailedException> compensations, bool details) =>
        new(500, [new(DurableHeaders.Retry, "?0")], problem.ToClientJson(details, compensations));

    internal static AttemptVerdict Failed(CheckpointException e, bool details) =>
        new(500, [new(DurableHeaders.Retry, "?1")],
            StepProblem.Of("A checkpoint failed", e.Message, e.ClientMessage).ToClientJson(details));

    /// <summary>Clients get the message too, because it contains no data of the run.</summary>
    internal static AttemptVerdict Misused(StepUsageException e) =>
        new(500, [new(DurableHeaders.Retry, "?0")],
            StepProblem.Of("A durable step is used wrongly", e.Message, e.Message).ToClientJson(details: true));

    internal static AttemptVerdict Abandoned(RunAbandonedException e, bool details) =>
        new(503, [new(DurableHeaders.Retry, "?1")], StepProblem.Of("The attempt is abandoned", e.Message).ToClientJson(details));
}
