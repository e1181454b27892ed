using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.Net.Http.Headers;

namespace DurableGateway.Results;

/// <summary>
/// Gives the event stream of a service to a client that comes late, or again: what is kept after <c>Last-Event-ID</c>, and then what
/// whichever attempt adds to it, without a gap or a repeat.
/// </summary>
internal sealed class StreamFollower(IStreamStore streams, IRunStore store, ClientResultReader results, RunEndNotifier ended,
    GatewaySettings settings, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private const int Page = 256;
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    /// <summary>Describes the whole of a body, which a client that has some of it does not get.</summary>
    private static readonly string[] OfTheWhole =
        [HeaderNames.ContentLength, HeaderNames.ETag, HeaderNames.ContentMD5, "Digest", "Content-Digest", "Repr-Digest"];

    /// <summary>Whether a client has events of the service's own stream, as its <c>Last-Event-ID</c> says.</summary>
    public static bool GoesOn(HttpRequest request) =>
        request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } last && !ProgressStream.IsOurs(last);

    /// <returns>
    /// <see langword="false"/> where the run has no such stream, or has ended with another result,
    /// and the client has all events that came before.
    /// </returns>
    public async Task<bool> TryWriteAsync(HttpContext context, RunId run)
    {
        if (GoesOn(context.Request)) return await GoOnAsync(context, run, context.Request.Headers["Last-Event-ID"].ToString());
        if (await streams.GetHeadAsync(run) is not { } head || await HasEndedWithoutAsync(run)) return false;
        return await TryWriteAsync(context, run, head, 0);
    }

    /// <summary>It began, and the run has another result.</summary>
    private async Task<bool> HasEndedWithoutAsync(RunId run) =>
        (await store.GetSnapshotAsync(run) is null or { State: RunState.Completed or RunState.Failed or RunState.Cancelled })
            && (await streams.ReadAsync(run, 0, 1)).Count == 0;

    private async Task<bool> TryWriteAsync(HttpContext context, RunId run, StoredResponse head, long next)
    {
        var response = context.Response;
        if (next > 0 && await IsOverAsync(run, next))
        {
            if (!await IsWholeAsync(run)) return false;

            // What tells an EventSource not to come again.
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
    /// After an event that a client has. It may be one that is not kept: the store was away, or the service does not say that its stream
    /// can be resumed. It is not given again, so what follows it is there when another attempt has come as far, or the run has ended.
    /// </summary>
    /// <returns><see langword="false"/> where no stream came of the run.</returns>
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

        // An EventSource whose stream ends comes again, with the id that it has.
        context.Response.ContentType = ProgressStream.ContentType;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers[DurableHeaders.RunId] = run.ToString();
        await context.Response.Body.WriteAsync(":\n\n"u8.ToArray(), context.RequestAborted);
        return true;
    }

    /// <summary>
    /// What follows an event in a result that is a stream; all of it where the service has made another one, or has encoded it.
    /// </summary>
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

    /// <summary>Whether a service has answered with a stream of events.</summary>
    public static bool IsStream(StoredResponse response) =>
        Find(response, HeaderNames.ContentType)?.StartsWith(ProgressStream.ContentType, StringComparison.OrdinalIgnoreCase) is true;

    /// <summary>
    /// Whether the events that are kept are the result of a run that has ended. They are not where it failed or was cancelled in the middle
    /// of them, or came to another result.
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
    /// Gives the events as they come. The response ends where they are the whole stream, and is cut off where they are not.
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
                // The state is read before the events: what came until the run ended is there by then.
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

        // The last events first have time to leave: a connection that is cut off drops what it has not sent.
        await Task.Delay(LookAgain, time, context.RequestAborted);
        context.Abort();
    }
}
