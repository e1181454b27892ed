namespace DurableGateway.Tests.Egress;

/// <summary>What the gateway has noticed of the services that call the egress listener.</summary>
internal sealed class Callers : IStartupFilter
{
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _came;

    /// <summary>Completes when the gateway has noticed that a caller has disconnected.</summary>
    public Task Gone => _gone.Task;

    /// <summary>How many calls have come.</summary>
    public int Came => Volatile.Read(ref _came);

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(following => context =>
        {
            if (!context.Request.Path.StartsWithSegments("/payments", StringComparison.Ordinal)) return following(context);

            // Called after what the gateway does on that, which is registered later.
            context.RequestAborted.Register(() => _gone.TrySetResult());
            Interlocked.Increment(ref _came);
            return following(context);
        });
        next(app);
    };
}
