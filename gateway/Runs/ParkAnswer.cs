namespace DurableGateway.Runs;

/// <param name="Verdict">The result of the call.</param>
/// <param name="Due">When the run is due. For an ended run: when its result is due for delivery, if another run invoked it.</param>
/// <param name="Failures">The actual number of failures.</param>
internal readonly record struct ParkAnswer(ParkVerdict Verdict, DateTimeOffset Due = default, int Failures = 0);
