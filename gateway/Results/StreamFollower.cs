using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using DurableGateway.Storage;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Results;

/// <summary>
/// Gives the event stream of a service to a client that comes late, or again: what is kept after <c>Last-Event-ID</c>, and then what
/// whichever attempt adds to it, without a gap or a repeat.
/// </summary>
internal sealed class StreamFollower(StreamStore streams, IRunStore store, EndedRuns ended, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private const int Page = 256;
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan StayAlive = TimeSpan.FromSeconds(15);

    /// <returns><see langword="false"/> where the run has no such stream.</returns>
    public async Task<bool> TryWriteAsync(HttpContext context, RunId run)
    {
        if (await streams.GetHeadAsync(run) is not { } head) return false;
        var last = context.Request.Headers["Last-Event-ID"].ToString();
        var next = last.Length == 0 ? 0 : await streams.FindAsync(run, last);
        var response = context.Response;
        if (next > 0 && await IsOverAsync(run, next))
        {
            // What tells an EventSource not to come again.
            response.StatusCode = StatusCodes.Status204NoContent;
            return true;
        }

        response.StatusCode = head.Status;
        head.Headers.CopyTo(response.Headers);
        response.Headers.CacheControl = "no-store";
        response.Headers[DurableHeaders.RunId] = run.ToString();
        await response.Body.FlushAsync(context.RequestAborted);
        await FollowAsync(context, run, next);
        return true;
    }

    private async Task<bool> IsOverAsync(RunId run, long next) =>
        await store.GetSnapshotAsync(run) is null or { State: RunState.Completed or RunState.Failed or RunState.Cancelled } && (await streams.ReadAsync(run, next, 1)).Count == 0;

    private async Task FollowAsync(HttpContext context, RunId run, long next)
    {
        using var waiter = ended.Register(run);
        var spoken = time.GetTimestamp();
        while (!lifetime.ApplicationStopping.IsCancellationRequested)
        {
            bool isOver;
            IReadOnlyList<ReadOnlyMemory<byte>> events;
            try
            {
                // The state is read before the events: what came until the run ended is there by then.
                isOver = await store.GetSnapshotAsync(run) is null or { State: not (RunState.Running or RunState.Waiting) };
                events = await streams.ReadAsync(run, next, Page);
            }
            catch (StoreUnavailableException)
            {
                (isOver, events) = (false, []);
            }

            foreach (var one in events) await context.Response.Body.WriteAsync(one, context.RequestAborted);
            next += events.Count;
            if (events.Count == 0 && time.GetElapsedTime(spoken) >= StayAlive) await context.Response.Body.WriteAsync(":\n\n"u8.ToArray(), context.RequestAborted);
            else if (events.Count == 0 && !isOver)
            {
                using var woken = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
                await Task.WhenAny(waiter.Ended.IsCompleted ? Task.Delay(Timeout.Infinite, woken.Token) : waiter.Ended, Task.Delay(LookAgain, time, woken.Token));
                await woken.CancelAsync();
                context.RequestAborted.ThrowIfCancellationRequested();
                continue;
            }

            await context.Response.Body.FlushAsync(context.RequestAborted);
            spoken = time.GetTimestamp();
            if (isOver && events.Count < Page) return;
        }
    }
}
