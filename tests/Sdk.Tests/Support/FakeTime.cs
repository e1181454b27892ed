using DurableGateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Client.Tests.Support;

internal static class FakeTime
{
    /// <summary>
    /// Advances a clock until a task is complete. The number of steps is not known, because the task may start a timer at any moment.
    /// </summary>
    public static async Task AdvanceUntilAsync(this FakeTimeProvider time, Task task, TimeSpan step)
    {
        await Eventually.TrueAsync(
            () =>
            {
                if (!task.IsCompleted) time.Advance(step);
                return task.IsCompleted;
            },
            "the task is complete");
        await task;
    }
}
