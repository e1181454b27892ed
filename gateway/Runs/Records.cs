using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>One header line. Order and duplicates are kept.</summary>
internal readonly record struct HeaderLine(string Name, string Value);

/// <summary>A request as it arrived, with all that a replay needs to look the same to the route's pipeline.</summary>
internal sealed record StoredRequest
{
    public required string Method { get; init; }
    public required string Scheme { get; init; }
    public required string Protocol { get; init; }
    public required string PathBase { get; init; }
    public required string Path { get; init; }
    public required string Query { get; init; }

    /// <summary>The request target as it stood on the wire.</summary>
    public required string RawTarget { get; init; }
    public required string RemoteAddress { get; init; }
    public required int RemotePort { get; init; }
    public required string LocalAddress { get; init; }
    public required int LocalPort { get; init; }

    /// <summary>The W3C trace context that replays continue; empty where there was none.</summary>
    public required string TraceParent { get; init; }
    public required string TraceState { get; init; }

    /// <summary>The body arrived with no length: it is sent so again.</summary>
    public required bool Chunked { get; init; }

    /// <summary>What came after a body in chunks.</summary>
    public IReadOnlyList<HeaderLine> Trailers { get; init; } = [];
    public required IReadOnlyList<HeaderLine> Headers { get; init; }
    public required IReadOnlyList<KeyValuePair<string, string>> RouteValues { get; init; }
    public required ReadOnlyMemory<byte> Body { get; init; }
}

/// <summary>A response that is kept: the result of a run.</summary>
internal sealed record StoredResponse(
    int Status,
    IReadOnlyList<HeaderLine> Headers,
    ReadOnlyMemory<byte> Body,
    IReadOnlyList<HeaderLine>? Trailers = null);

/// <summary>A run as it is first written.</summary>
internal sealed record NewRun(RunId Id, RunPolicy Policy, string Route, DateTimeOffset StartedAt, StoredRequest Request)
{
    /// <summary>Where the client sent an idempotency key.</summary>
    public IdempotencyMark? Idempotency { get; init; }

    /// <summary>Where its policy limits how many run at once.</summary>
    public ConcurrencyLimit? ConcurrencyLimit { get; init; }

    /// <summary>Where a step of another run invoked it.</summary>
    public Invoker? Invoker { get; init; }

    /// <summary>Of its first attempt, where that is in flight: see <see cref="Fence"/>.</summary>
    public uint Nonce { get; init; }

    public DateTimeOffset Deadline => StartedAt + Policy.RunTimeout;
}

/// <summary>What a step left behind: its result, or the failure that is now part of the run.</summary>
internal sealed record StepOutcome
{
    public required string Id { get; init; }
    public required bool Failed { get; init; }
    public required string ContentType { get; init; }
    public required ReadOnlyMemory<byte> Body { get; init; }
    public required int Attempt { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset EndedAt { get; init; }
    public string Type { get; init; } = "run";
}

/// <summary>An attempt that this node has claimed, with all it needs to be sent.</summary>
internal sealed record ClaimedRun
{
    public required RunId Id { get; init; }
    public required int Attempt { get; init; }

    /// <summary>Failed attempts since the last new outcome.</summary>
    public required int Failures { get; init; }

    /// <summary>Since when the service could not be reached, where that is why the attempt before this one failed.</summary>
    public DateTimeOffset? UnreachableSince { get; init; }
    public required string Route { get; init; }
    public required RunPolicy Policy { get; init; }
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary><see langword="null"/> where it is too large to come with the claim: it is to be read by itself.</summary>
    public required StoredRequest? Request { get; init; }

    /// <summary>The build of the service whose steps the run has, where it is known and wanted.</summary>
    public string? Build { get; init; }

    /// <summary>The last event of its stream that is kept, where it can be resumed.</summary>
    public string? LastEventId { get; init; }

    /// <summary>Whether outcomes may be put into the attempt's headers; not where the service has refused them once.</summary>
    public bool InlinesSteps { get; init; } = true;

    /// <summary>How many outcomes are stored.</summary>
    public required int StepCount { get; init; }

    /// <summary>The stored outcomes, oldest first; where they are large in all, only those that come along.</summary>
    public required IReadOnlyList<StepOutcome> Steps { get; init; }
    public DateTimeOffset Deadline => StartedAt + Policy.RunTimeout;

    /// <summary>How many sleeps the claim completed: the last ones of <see cref="Steps"/>.</summary>
    public int SleepsOver { get; init; }

    /// <summary>When it was due.</summary>
    public required DateTimeOffset DueAt { get; init; }
}

/// <summary>Where a run comes from: what can be said of one that this node does not drive.</summary>
/// <param name="Route">The id of its route.</param>
/// <param name="Policy">The name of its policy.</param>
/// <param name="Attempt">The number of its last attempt.</param>
/// <param name="StartedAt">Its start.</param>
/// <param name="TraceParent">The span of the client's request; empty where it is not known.</param>
internal sealed record RunOrigin(string Route, string Policy, int Attempt, DateTimeOffset StartedAt, string TraceParent);

/// <summary>A run's state as clients and services are told it.</summary>
internal sealed record RunSnapshot
{
    public required RunId Id { get; init; }
    public required RunState State { get; init; }
    public required int Attempt { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>What its result is bound to; empty for nothing.</summary>
    public string Binding { get; init; } = "";
    public int CompletedSteps { get; init; }
    public int FailedSteps { get; init; }
    public int PendingSteps { get; init; }
}
