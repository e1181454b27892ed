using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>A run that this node has claimed, with all data to send its next attempt.</summary>
internal sealed record ClaimedRun
{
    public required RunId Id { get; init; }
    public required int Attempt { get; init; }

    /// <summary>The number of failed attempts since the last new outcome.</summary>
    public required int Failures { get; init; }

    /// <summary>When the service became unreachable, if that is why the previous attempt failed.</summary>
    public DateTimeOffset? UnreachableSince { get; init; }
    public required string Route { get; init; }
    public required RunPolicy Policy { get; init; }
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The request; <see langword="null"/> if it is too large for the claim and must be read separately.</summary>
    public required StoredRequest? Request { get; init; }

    /// <summary>The build of the service that wrote the run's steps, if it is known and the policy uses it.</summary>
    public string? Build { get; init; }

    /// <summary>The last stored event of the run's stream, if the stream is resumable.</summary>
    public string? LastEventId { get; init; }

    /// <summary>Whether to inline outcomes. False after the service has refused them once.</summary>
    public bool InlinesSteps { get; init; } = true;

    /// <summary>The number of stored outcomes.</summary>
    public required int StepCount { get; init; }

    /// <summary>The stored outcomes, the oldest first. If they are large in total, only those that the claim returned.</summary>
    public required IReadOnlyList<StepOutcome> Steps { get; init; }
    public DateTimeOffset Deadline => StartedAt + Policy.RunTimeout;

    /// <summary>The number of sleeps that the claim completed. They are the last of <see cref="Steps"/>.</summary>
    public int SleepsOver { get; init; }

    /// <summary>When the run was due.</summary>
    public required DateTimeOffset DueAt { get; init; }
}
