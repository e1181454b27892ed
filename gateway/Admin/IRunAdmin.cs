using DurableGateway.Protocol;

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
