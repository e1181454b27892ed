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
    public static void UseByListener(this IApplicationBuilder app, Action<IApplicationBuilder> control, Action<IApplicationBuilder> open)
    {
        var (forControl, forPublic) = (app.New(), app.New());
        control(forControl);
        open(forPublic);
        app.Use(next =>
        {
            forControl.Run(next);
            forPublic.Run(next);
            var (onControl, onPublic) = (forControl.Build(), forPublic.Build());
            return context => context.IsControl() ? onControl(context) : onPublic(context);
        });
    }
}
