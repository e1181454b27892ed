namespace DurableGateway.Client.AspNetCore;

/// <summary>Marks an endpoint whose handler is wrapped.</summary>
internal sealed class DurableStepsMetadata
{
    public static readonly DurableStepsMetadata Instance = new();

    private DurableStepsMetadata()
    {
    }
}
