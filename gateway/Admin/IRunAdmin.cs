using DurableGateway.Protocol;

namespace DurableGateway.Admin;

/// <summary>The operations of operators, for the admin API and the dashboard.</summary>
internal interface IRunAdmin
{
    /// <summary>Lists runs, newest first.</summary>
    /// <exception cref="FormatException">The cursor is invalid.</exception>
    Task<RunPage> ListAsync(RunQuery query, CancellationToken cancellation = default);

    /// <summary>Gets a run with all its details; <see langword="null"/> if it does not exist.</summary>
    Task<RunDetail?> GetAsync(RunId run, CancellationToken cancellation = default);

    /// <summary>Gets the counts of each route per minute over the last hour, summed over all nodes.</summary>
    Task<Overview> GetOverviewAsync(CancellationToken cancellation = default);

    /// <summary>Acts on a run. The history records the action, the time and <paramref name="who"/>.</summary>
    Task<ActionResult> ActAsync(RunId run, RunAction action, string who, CancellationToken cancellation = default);
}
