using DurableGateway.Runs;

namespace DurableGateway.Replay;

/// <summary>What happens to attempts that outlast the time that SIGTERM gives them.</summary>
internal static class Shutdown
{
    /// <summary>After the time-out, attempts are interrupted and their runs given back, to be taken up at once elsewhere.</summary>
    public static void HandBackRunsOnShutdown(this IHostApplicationLifetime lifetime, IServiceProvider services, TimeSpan timeout)
    {
        var registry = services.GetRequiredService<AttemptRegistry>();
        var time = services.GetRequiredService<TimeProvider>();
        lifetime.ApplicationStopping.Register(() => _ = InterruptAsync());

        async Task InterruptAsync()
        {
            await Task.Delay(timeout, time);
            registry.InterruptAll(AttemptInterrupt.Shutdown);
        }
    }
}
