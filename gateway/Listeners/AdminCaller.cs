namespace DurableGateway.Listeners;

/// <summary>The caller at the control listener.</summary>
/// <param name="Role">What the caller may do.</param>
/// <param name="Who">The name that histories show.</param>
internal sealed record AdminCaller(AdminRole Role, string Who)
{
    public static AdminCaller Stranger { get; } = new(AdminRole.None, "unknown");
}
