namespace DurableGateway.Runs;

/// <param name="Verdict">What became of the call.</param>
/// <param name="Due">When the run is due; of one that has ended: when its end is to be told to the run that invoked it, if one did.</param>
/// <param name="Failures">The failures that there are.</param>
internal readonly record struct ParkAnswer(ParkVerdict Verdict, DateTimeOffset Due = default, int Failures = 0);
