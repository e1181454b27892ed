using DurableGateway.Protocol;

namespace DurableGateway.Runs;

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
