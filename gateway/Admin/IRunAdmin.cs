using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <summary>What operators see and do: behind the admin API, the dashboard and nothing else.</summary>
internal interface IRunAdmin
{
    /// <summary>Runs, the newest first.</summary>
    /// <exception cref="FormatException">The cursor is none that this gave out.</exception>
    Task<RunPage> ListAsync(RunQuery query, CancellationToken cancellation = default);

    /// <summary>One run with all that is known of it; <see langword="null"/> where it is unknown.</summary>
    Task<RunDetail?> GetAsync(RunId run, CancellationToken cancellation = default);

    /// <summary>Counts and rates of each route over the last hour, by minute, from all nodes.</summary>
    Task<Overview> GetOverviewAsync(CancellationToken cancellation = default);

    /// <summary>Does something to a run. Recorded in its history with <paramref name="who"/> and when.</summary>
    Task<ActionResult> ActAsync(RunId run, RunAction action, string who, CancellationToken cancellation = default);
}

/// <summary>Filters; those that are <see langword="null"/> let everything pass.</summary>
internal sealed record RunQuery
{
    public RunState? State { get; init; }
    public string? Route { get; init; }
    public DateTimeOffset? After { get; init; }
    public DateTimeOffset? Before { get; init; }

    /// <summary>Runs that have (had) a step of this name.</summary>
    public string? Step { get; init; }

    /// <summary>
    /// A run id or its beginning (eight digits or more), an idempotency key, or the value of a header of
    /// <c>Durable:Admin:SearchHeaders</c>.
    /// </summary>
    public string? Search { get; init; }

    /// <summary>From <see cref="RunPage.Next"/>.</summary>
    public string? Cursor { get; init; }

    /// <summary>1 to 200.</summary>
    public int Limit { get; init; } = 50;
}

internal sealed record RunPage(IReadOnlyList<RunRow> Runs, string? Next);

internal sealed record RunRow(
    RunId Id, string Route, string Method, string Path, RunState State, bool Paused, int Attempt,
    DateTimeOffset StartedAt, DateTimeOffset? EndedAt,
    DateTimeOffset? NextAttemptAt, int CompletedSteps, int FailedSteps, int PendingSteps, int? Status, string? LastError, int Mismatches,
    bool HasIdempotencyKey = false);

/// <param name="Run">The row of the list.</param>
/// <param name="Policy">The name of the policy that it started under.</param>
/// <param name="Request">As it was stored, secrets masked.</param>
/// <param name="Response">The result, secrets masked; <see langword="null"/> until it has ended.</param>
/// <param name="Attempts">Oldest first.</param>
/// <param name="Steps">In the order in which they began.</param>
/// <param name="History">Oldest first.</param>
/// <param name="ResultUrl">Relative, for the client.</param>
internal sealed record RunDetail(
    RunRow Run, string Policy, StoredRequest Request, StoredResponse? Response,
    IReadOnlyList<AttemptView> Attempts, IReadOnlyList<StepView> Steps,
    IReadOnlyList<HistoryEntry> History, string ResultUrl);

/// <param name="Number">Of the attempt.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="EndedAt"><see langword="null"/> while it is in flight.</param>
/// <param name="Node">The machine that sent it.</param>
/// <param name="Destination">The service's address.</param>
/// <param name="Outcome"><c>running</c>, <c>suspended</c>, <c>failed</c>, <c>completed</c>, <c>lost</c>.</param>
/// <param name="Reason">Why it failed.</param>
/// <param name="Status">Of the service's response, or of the result that the attempt ended the run with.</param>
internal sealed record AttemptView(
    int Number, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string Node, string? Destination, string Outcome, string? Reason,
    int? Status = null);

/// <param name="Id">Of the step.</param>
/// <param name="Type"><c>run</c>, <c>sleep</c>, <c>wait</c>, <c>callback</c>, <c>invoke</c>.</param>
/// <param name="State"><c>completed</c>, <c>failed</c>, <c>retrying</c>, <c>sleeping</c>, <c>waiting</c>, <c>begun</c>.</param>
/// <param name="Tries">How often it was tried.</param>
/// <param name="Attempt">The attempt that stored its outcome; 0 where none did.</param>
/// <param name="StartedAt">When it began, as far as is known.</param>
/// <param name="EndedAt">When its outcome was stored.</param>
/// <param name="Until">When its next try is due, or it wakes, or gives up.</param>
/// <param name="ContentType">Of its outcome.</param>
/// <param name="Body">Its outcome, secrets masked.</param>
/// <param name="Reason">Why its last try failed, where it has not completed since.</param>
internal sealed record StepView(
    string Id, string Type, string State, int Tries, int Attempt, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, DateTimeOffset? Until,
    string? ContentType, ReadOnlyMemory<byte> Body, string? Reason = null);

/// <summary>What can be done to a run.</summary>
internal abstract record RunAction
{
    /// <summary>A parked run is due at once.</summary>
    public sealed record Retry : RunAction;

    public sealed record Cancel : RunAction;

    /// <summary>It is not taken up again until <see cref="Resume"/>.</summary>
    public sealed record Pause : RunAction;

    public sealed record Resume : RunAction;

    /// <summary>The same request as a new run.</summary>
    /// <param name="As">Its id, where the call may be repeated; <see langword="null"/>: a new one.</param>
    public sealed record RunAgain(RunId? As = null) : RunAction;

    /// <summary>The idempotency key of an ended run stands for it no longer: the next request with the key begins a new run.</summary>
    public sealed record ReleaseKey : RunAction;

    /// <summary>An ended or parked run goes on from a step: its outcome and the later ones are dropped.</summary>
    public sealed record RunFromStep(string Step) : RunAction;

    /// <summary>An ended or parked run goes on with another outcome of a step.</summary>
    public sealed record EditStep(string Step, bool Failed, string ContentType, ReadOnlyMemory<byte> Body) : RunAction;
}

/// <param name="Done">Whether it was done.</param>
/// <param name="Problem">What forbids it, and what would be right.</param>
/// <param name="NewRun">Of <see cref="RunAction.RunAgain"/>.</param>
internal sealed record ActionResult(bool Done, string? Problem = null, RunId? NewRun = null)
{
    /// <summary>There is no such run.</summary>
    public static ActionResult Unknown { get; } = new(false, "There is no such run.");
}

/// <param name="Routes">Each route.</param>
/// <param name="Waiting">Runs that are parked.</param>
/// <param name="OldestWaiting">The start of the oldest of them.</param>
/// <param name="Store">How full the embedded store is; <see langword="null"/> with another one.</param>
internal sealed record Overview(IReadOnlyList<RouteOverview> Routes, long Waiting, DateTimeOffset? OldestWaiting, StoreFill? Store = null);

/// <param name="Used">The bytes that it keeps.</param>
/// <param name="Limit">Those from which on it takes no new runs.</param>
internal sealed record StoreFill(long Used, long Limit);

/// <param name="Route">Its id.</param>
/// <param name="Policy">Its policy; <see langword="null"/> where it is plain.</param>
/// <param name="Cluster">Its cluster.</param>
/// <param name="Destinations">Address and health of each destination.</param>
/// <param name="Minutes">The last sixty minutes, the oldest first.</param>
internal sealed record RouteOverview(
    string Route, string? Policy, string? Cluster, IReadOnlyList<(string Address, string Health)> Destinations,
    IReadOnlyList<MinuteCounts> Minutes);

/// <param name="Minute">Its start.</param>
/// <param name="Started">Requests to the route.</param>
/// <param name="Completed">Runs that completed, stored or not.</param>
/// <param name="Failed">Runs that failed for good.</param>
/// <param name="LatencyMilliseconds">The median time from request to end of those that ended.</param>
internal sealed record MinuteCounts(DateTimeOffset Minute, long Started, long Completed, long Failed, double LatencyMilliseconds);
