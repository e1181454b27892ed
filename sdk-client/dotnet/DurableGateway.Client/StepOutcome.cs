namespace DurableGateway.Client;

/// <summary>What is stored of a step.</summary>
internal sealed class StepOutcome(bool failed, string contentType, byte[] body)
{
    public bool Failed { get; } = failed;
    public string ContentType { get; } = contentType;
    public byte[] Body { get; } = body;
}
