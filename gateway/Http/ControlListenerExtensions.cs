namespace DurableGateway.Http;

internal static class ControlListenerExtensions
{
    /// <summary>Whether the request arrived at the control listener.</summary>
    public static bool IsControl(this HttpContext context) => context.Features.Get<ControlListener>() is not null;

    /// <summary>Marks endpoints as reachable on the control listener only.</summary>
    public static TBuilder OnControlListener<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(ControlListener.Instance);
}
