namespace DurableGateway.Listeners;

/// <summary>The caller at the control listener.</summary>
/// <param name="Role">What they may do.</param>
/// <param name="Who">As histories name them.</param>
internal sealed record AdminCaller(AdminRole Role, string Who)
{
    public static AdminCaller Stranger { get; } = new(AdminRole.None, "unknown");
}
