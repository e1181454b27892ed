namespace DurableGateway.Runs;

/// <summary>The outcome of a step: its result or its final failure.</summary>
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

    /// <summary>The type of a call that the service made through the egress listener. SDKs do not know this type.</summary>
    public const string CallType = "call";

    public static bool IsCall(StepOutcome outcome) => outcome.Type == CallType;
}
