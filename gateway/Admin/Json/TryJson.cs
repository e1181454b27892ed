namespace DurableGateway.Admin.Json;

/// <summary>A try of a step that failed.</summary>
internal sealed record TryJson(
    DateTimeOffset Time, int Attempt, DateTimeOffset? Next, double? TookMilliseconds, string? Reason, FailureJson? Failure)
{
    public static TryJson From(StepTry one) => new(one.Time, one.Attempt, one.Next,
        one.Failure.Took > TimeSpan.Zero ? one.Failure.Took.TotalMilliseconds : null,
        string.IsNullOrEmpty(one.Failure.Reason) ? null : one.Failure.Reason, FailureJson.From(one.Failure));
}
