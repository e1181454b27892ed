namespace DurableGateway.Results;

internal sealed record ProgressData
{
    public required int Attempt { get; init; }
    public string? Step { get; init; }

    /// <summary><c>completed</c>, <c>failed</c>, <c>retrying</c>, <c>running</c>, <c>sleeping</c> or <c>waiting</c>.</summary>
    public string? State { get; init; }

    /// <summary>When the run or the step continues, if that is known.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The attempt had failed when it was suspended.</summary>
    public bool? Failed { get; init; }
    public DateTimeOffset Time { get; init; }
}
