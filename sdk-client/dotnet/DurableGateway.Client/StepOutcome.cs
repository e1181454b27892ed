namespace DurableGateway.Client;

/// <summary>What is stored of a step.</summary>
internal sealed class StepOutcome(bool failed, string contentType, byte[] body, string? type = StepTypes.Run)
{
    public bool Failed { get; } = failed;
    public string ContentType { get; } = contentType;
    public byte[] Body { get; } = body;

    /// <summary>The type it was stored as; <see langword="null"/> where the gateway named one that is no type.</summary>
    public string? Type { get; } = StructuredField.IsToken(type) ? type : null;
}
