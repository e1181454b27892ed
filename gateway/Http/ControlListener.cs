namespace DurableGateway.Http;

/// <summary>On a connection: the connection arrived at the control listener. On an endpoint: only the control listener serves it.</summary>
internal sealed class ControlListener
{
    public static ControlListener Instance { get; } = new();
}
