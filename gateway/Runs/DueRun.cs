using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>A due run.</summary>
/// <param name="Id">The run.</param>
/// <param name="Route">Its route; empty if only the run's entry in the queue exists.</param>
/// <param name="ConcurrencyLimit">Its concurrency limit, in the format of <see cref="ConcurrencyLimit.Format"/>; empty for none.</param>
/// <param name="IsRunning">Whether it is due because a lease has expired.</param>
internal readonly record struct DueRun(RunId Id, string Route, string ConcurrencyLimit, bool IsRunning = false);
