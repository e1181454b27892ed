using System.Collections.Generic;

namespace DurableGateway.Client;

/// <summary>How an attempt ended, and what the host must answer (§4 of the wire contract).</summary>
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

    /// <summary>Whether the handler's own response is the answer. Where it is not, the response is made of what follows.</summary>
    public bool IsCompleted => StatusCode == 0;

    /// <summary>The status to answer with.</summary>
    public int StatusCode { get; }

    /// <summary>The headers to answer with, those of a handler's own response among them: set them in any case.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; }

    /// <summary>The body to answer with, of type <c>application/problem+json</c>; <see langword="null"/>: none.</summary>
    public byte[]? Problem { get; }

    /// <summary>Whether the run is parked, and the handler executed again later.</summary>
    public bool IsSuspended => StatusCode == 202;

    /// <summary>The same with more headers.</summary>
    internal AttemptVerdict With(IReadOnlyList<KeyValuePair<string, string>> headers) =>
        headers.Count == 0 ? this : new(StatusCode, [.. Headers, .. headers], Problem);

    internal static AttemptVerdict FailedForGood(StepProblem problem, IReadOnlyList<StepFailedException> compensations, bool details) =>
        new(500, [new(DurableHeaders.Retry, "?0")], problem.ToClientJson(details, compensations));

    internal static AttemptVerdict Failed(CheckpointException e, bool details) =>
        new(500, [new(DurableHeaders.Retry, "?1")],
            StepProblem.Of("A checkpoint failed", e.Message, e.ClientMessage).ToClientJson(details));

    /// <summary>The words tell nothing but what the handler lacks, and are the same for all.</summary>
    internal static AttemptVerdict Misused(StepUsageException e) =>
        new(500, [new(DurableHeaders.Retry, "?0")],
            StepProblem.Of("A durable step is used wrongly", e.Message, e.Message).ToClientJson(details: true));

    internal static AttemptVerdict Abandoned(RunAbandonedException e, bool details) =>
        new(503, [new(DurableHeaders.Retry, "?1")], StepProblem.Of("The attempt is abandoned", e.Message).ToClientJson(details));
}
