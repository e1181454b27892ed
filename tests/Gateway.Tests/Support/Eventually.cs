namespace DurableGateway.Tests.Support;

/// <summary>Polls a condition with a deadline, for tests that have no signal to await.</summary>
internal static class Eventually
{
    public static async Task TrueAsync(Func<Task<bool>> condition, string what, int seconds = 60)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        var deadline = Environment.TickCount64 + (seconds * 1000);
        while (!await condition())
        {
            if (Environment.TickCount64 >= deadline) throw new TimeoutException($"It did not come true within {seconds} s: {what}");
            await timer.WaitForNextTickAsync();
        }
    }

    public static Task TrueAsync(Func<bool> condition, string what, int seconds = 60) =>
        TrueAsync(() => Task.FromResult(condition()), what, seconds);
}
