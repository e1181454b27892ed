using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.Net.Http.Headers;

namespace DurableGateway.Results;

/// <summary>
/// Sends a service's event stream to a client that connects late or again: the stored events after <c>Last-Event-ID</c>, and then those
/// that further attempts add, without gaps or repeats.
/// </summary>
internal sealed class StreamFollower(IStreamStore streams, IRunStore store, ClientResultReader results, RunEndNotifier ended,
    GatewaySettings settings, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private const int Page = 256;
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    /// <summary>Headers that describe the whole body, which a client that already has a part does not get.</summary>
    private static readonly string[] OfTheWhole =
        [HeaderNames.ContentLength, HeaderNames.ETag, HeaderNames.ContentMD5, "Digest", "Content-Digest", "Repr-Digest"];

    /// <summary>Whether the client's <c>Last-Event-ID</c> is from the service's own stream.</summary>
    public static bool GoesOn(HttpRequest request) =>
        request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last && !ProgressStream.IsOurs(last);

    /// <returns><see langword="false"/> if the run has no such stream, or has ended with another result and the client has all events that
    /// came before.</returns>
    public async Task<bool> TryWriteAsync(HttpContext context, RunId run)
    {
        if (GoesOn(context.Request)) return await GoOnAsync(context, run, context.Request.Headers["Last-Event-ID"].ToString());
        if (await streams.GetHeadAsync(run) is not { } head || await HasEndedWithoutAsync(run)) return false;
        return await TryWriteAsync(context, run, head, 0);
    }

    /// <summary>Whether the stream began, but the run ended without events.</summary>
    private async Task<bool> HasEndedWithoutAsync(RunId run) =>
        (await store.GetSnapshotAsync(run) is null or { State: RunState.Completed or RunState.Failed or RunState.Cancelled })
            && (await streams.ReadAsync(run, 0, 1)).Count == 0;

    private async Task<bool> TryWriteAsync(HttpContext context, RunId run, StoredResponse head, long next)
    {
        var response = context.Response;
        if (next > 0 && await IsOverAsync(run, next))
        {
            if (!await IsWholeAsync(run)) return false;

            // This status stops an EventSource from reconnecting.
            response.StatusCode = StatusCodes.Status204NoContent;
            return true;
        }

        response.StatusCode = head.Status;
        (await results.ResolveAsync(context, run, head)).Headers.CopyTo(response.Headers);
        if (next > 0) RemoveThoseOfTheWhole(response.Headers);
        response.Headers.CacheControl = "no-store";
        response.Headers[DurableHeaders.RunId] = run.ToString();
        await response.Body.FlushAsync(context.RequestAborted);
        await FollowAsync(context, run, next);
        return true;
    }

    /// <summary>
    /// Continues after the client's last event. That event may not be stored: the store was unavailable, or the service does not declare
    /// its stream resumable. It is not repeated, so the client waits until another attempt has reached it, or until the run has ended.
    /// </summary>
    /// <returns><see langword="false"/> if the run produced no stream.</returns>
    private async Task<bool> GoOnAsync(HttpContext context, RunId run, string last)
    {
        using var waiter = ended.Register(run);
        var began = time.GetTimestamp();
        while (!lifetime.ApplicationStopping.IsCancellationRequested && time.GetElapsedTime(began) < settings.KeepAlive)
        {
            try
            {
                var snapshot = await store.GetSnapshotAsync(run);
                if (await streams.FindAsync(run, last) is > 0 and var next && await streams.GetHeadAsync(run) is { } head)
                    return await TryWriteAsync(context, run, head, next);
                if (snapshot is null || snapshot.State.HasEnded())
                    return await results.GetAsync(context, run) is { } result && await TryWriteRestAsync(context, run, result, last);
            }
            catch (StoreUnavailableException)
            {
                // Clients that wait for events also wait for the store.
            }

            await waiter.PauseAsync(LookAgain, context.RequestAborted);
        }

        // An EventSource whose stream ends reconnects with the same id.
        context.Response.ContentType = ProgressStream.ContentType;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers[DurableHeaders.RunId] = run.ToString();
        await context.Response.Body.WriteAsync(":\n\n"u8.ToArray(), context.RequestAborted);
        return true;
    }

    /// <summary>Writes what follows an event in a result that is a stream. Writes all of it if the event is not in it.</summary>
    private static async Task<bool> TryWriteRestAsync(HttpContext context, RunId run, StoredResponse result, string last)
    {
        if (!IsStream(result) || Find(result, HeaderNames.ContentEncoding) is not null) return false;
        var splitter = new EventSplitter();
        var events = splitter.Take(result.Body.Span);
        using var rest = new MemoryStream();
        foreach (var one in events.Skip(events.FindIndex(one => one.Event.Id == last) + 1)) rest.Write(one.Event.Bytes.Span);
        rest.Write(splitter.Rest.Span);
        if (rest.Length == 0)
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return true;
        }

        result.Headers.CopyTo(context.Response.Headers);
        RemoveThoseOfTheWhole(context.Response.Headers);
        context.Response.StatusCode = result.Status;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers[DurableHeaders.RunId] = run.ToString();
        await context.Response.Body.WriteAsync(rest.GetBuffer().AsMemory(0, (int)rest.Length), context.RequestAborted);
        return true;
    }

    /// <summary>Whether a service answered with an event stream.</summary>
    public static bool IsStream(StoredResponse response) =>
        Find(response, HeaderNames.ContentType)?.StartsWith(ProgressStream.ContentType, StringComparison.OrdinalIgnoreCase) is true;

    /// <summary>
    /// Whether the stored events are the complete result of an ended run. They are not if the run failed or was cancelled before the stream
    /// ended, or has another result.
    /// </summary>
    private async Task<bool> IsWholeAsync(RunId run)
    {
        try
        {
            return await store.GetSnapshotAsync(run) is { State: RunState.Completed }
                && await store.GetResultAsync(run) is { } result && IsStream(result);
        }
        catch (UnreadableRecordException)
        {
            return false;
        }
    }

    private static string? Find(StoredResponse response, string name) =>
        response.Headers.Where(line => line.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            .Select(line => line.Value).FirstOrDefault();

    private static void RemoveThoseOfTheWhole(IHeaderDictionary headers)
    {
        foreach (var name in OfTheWhole) headers.Remove(name);
    }

    private async Task<bool> IsOverAsync(RunId run, long next) =>
        await store.GetSnapshotAsync(run) is null or { State: RunState.Completed or RunState.Failed or RunState.Cancelled }
            && (await streams.ReadAsync(run, next, 1)).Count == 0;

    /// <summary>
    /// Sends the events as they are stored. The response ends normally if the stream is complete; otherwise the connection is aborted.
    /// </summary>
    private async Task FollowAsync(HttpContext context, RunId run, long next)
    {
        using var waiter = ended.Register(run);
        var spoken = time.GetTimestamp();
        while (!lifetime.ApplicationStopping.IsCancellationRequested)
        {
            bool isOver, isWhole;
            IReadOnlyList<ReadOnlyMemory<byte>> events;
            try
            {
                // The state is read before the events, so that all events up to the end of the run are read.
                isOver = await store.GetSnapshotAsync(run) is null or { State: not (RunState.Running or RunState.Waiting) };
                events = await streams.ReadAsync(run, next, Page);
                isOver &= events.Count < Page;
                isWhole = isOver && await IsWholeAsync(run);
            }
            catch (StoreUnavailableException)
            {
                (isOver, isWhole, events) = (false, false, []);
            }

            foreach (var one in events) await context.Response.Body.WriteAsync(one, context.RequestAborted);
            next += events.Count;
            if (events.Count == 0 && time.GetElapsedTime(spoken) >= settings.KeepAlive)
                await context.Response.Body.WriteAsync(":\n\n"u8.ToArray(), context.RequestAborted);
            else if (events.Count == 0 && !isOver)
            {
                await waiter.PauseAsync(LookAgain, context.RequestAborted);
                continue;
            }

            await context.Response.Body.FlushAsync(context.RequestAborted);
            spoken = time.GetTimestamp();
            if (isWhole) return;
            if (isOver) break;
        }

        // Gives the last events time to reach the client: an aborted connection drops unsent data.
        await Task.Delay(LookAgain, time, context.RequestAborted);
        context.Abort();
    }
}
