using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>A run that is due.</summary>
/// <param name="Id">The run.</param>
/// <param name="Route">Its route; empty where nothing is left of the run but its entry in the queue.</param>
/// <param name="ConcurrencyLimit">The gate that it has to pass, as <see cref="ConcurrencyLimit.Format"/> wrote it; empty for none.</param>
/// <param name="IsRunning">Whether it is due because a lease has run out.</param>
internal readonly record struct DueRun(RunId Id, string Route, string ConcurrencyLimit, bool IsRunning = false);
