namespace DurableGateway.Proxy;

/// <summary>Sends a replay to a destination of the build whose steps the run has, where its policy wants that and there is one.</summary>
internal sealed class BuildPinningMiddleware(RequestDelegate next, ServiceBuildTracker builds)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (context.Features.Get<AttemptFeature>()?.Attempt is { Build: { } build, Policy.PinToBuild: true })
        {
            var proxy = context.GetReverseProxyFeature();
            var same = proxy.AvailableDestinations.Where(destination => builds.Has(destination, build)).ToArray();
            if (same.Length > 0) proxy.AvailableDestinations = same;
        }

        return next(context);
    }
}
