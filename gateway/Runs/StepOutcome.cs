namespace DurableGateway.Runs;

/// <summary>What a step left behind: its result, or the failure that is now part of the run.</summary>
internal sealed record StepOutcome
{
    public required string Id { get; init; }
    public required bool Failed { get; init; }
    public required string ContentType { get; init; }
    public required ReadOnlyMemory<byte> Body { get; init; }
    public required int Attempt { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset EndedAt { get; init; }
    public string Type { get; init; } = "run";
}
