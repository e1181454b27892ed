namespace DurableGateway.Client;

/// <summary>The stored outcome of a step.</summary>
internal sealed class StepOutcome(bool failed, string contentType, byte[] body, string? type = StepTypes.Run)
{
    public bool Failed { get; } = failed;
    public string ContentType { get; } = contentType;
    public byte[] Body { get; } = body;

    /// <summary>The stored type of the step; <see langword="null"/> if the gateway sent an invalid type.</summary>
    public string? Type { get; } = StructuredField.IsToken(type) ? type : null;
}
