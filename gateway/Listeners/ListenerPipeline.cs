using DurableGateway.Http;

namespace DurableGateway.Listeners;

internal static class ListenerPipeline
{
    /// <summary>
    /// What only one of the listeners needs, and then the rest for both. Which listener it is, is asked once for all parts: to find a
    /// feature that is not there is a long search.
    /// </summary>
    /// <param name="app">The pipeline.</param>
    /// <param name="control">For requests of the control listener.</param>
    /// <param name="open">For requests of the public listener.</param>
    /// <param name="egress">For requests of the egress listener; <see langword="null"/> if there is no such listener.</param>
    public static void UseByListener(
        this IApplicationBuilder app, Action<IApplicationBuilder> control, Action<IApplicationBuilder> open,
        Action<IApplicationBuilder>? egress)
    {
        var (forControl, forPublic, forEgress) = (app.New(), app.New(), app.New());
        control(forControl);
        open(forPublic);
        egress?.Invoke(forEgress);
        app.Use(next =>
        {
            forControl.Run(next);
            forPublic.Run(next);
            var (onControl, onPublic) = (forControl.Build(), forPublic.Build());
            if (egress is null) return context => context.IsControl() ? onControl(context) : onPublic(context);
            forEgress.Run(next);
            var onEgress = forEgress.Build();
            return context => context.IsControl() ? onControl(context)
                : EgressListener.Has(context) ? onEgress(context)
                : onPublic(context);
        });
    }
}
