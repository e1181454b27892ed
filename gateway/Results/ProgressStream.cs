using System.Globalization;
using System.Text;
using System.Text.Json;
using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>
/// Sends a run's progress as server-sent events, and its result as the last event (§5). An event id is the number of a history entry, so
/// any node can continue after <c>Last-Event-ID</c>. A prefix distinguishes these ids from those of a service.
/// </summary>
internal sealed class ProgressStream(IRunHistory history, IRunStore store, ClientResultReader results, RunEndNotifier ended,
    GatewaySettings settings, IHostApplicationLifetime lifetime, TimeProvider time)
{
    public const string ContentType = "text/event-stream";

    /// <summary>The id of the last event. A client that reconnects with it does not know that the stream is complete.</summary>
    private const string End = "h-end";
    private const char Letter = 'h';

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(250);

    public static bool IsWanted(HttpRequest request) =>
        request.GetTypedHeaders().Accept.Any(type =>
            type.MediaType.Equals(ContentType, StringComparison.OrdinalIgnoreCase) && type.Quality is null or > 0);

    /// <summary>Whether the id is one of a progress stream.</summary>
    public static bool IsOurs(string id) => id == End || TryNumber(id, out _);

    public async Task WriteAsync(HttpContext context, RunId run)
    {
        var response = context.Response;
        var last = context.Request.Headers["Last-Event-ID"].ToString();
        if (last == End)
        {
            // This status stops an EventSource from reconnecting (HTML, server-sent events, processing model).
            response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        _ = TryNumber(last, out var after);
        using var waiter = ended.Register(run);
        if (await store.GetSnapshotAsync(run) is null)
        {
            await ProblemWriter.WriteProblemAsync(response, Problems.ResultUnknown());
            return;
        }

        response.ContentType = ContentType;
        response.Headers.CacheControl = "no-store";
        response.Headers[DurableHeaders.RunId] = run.ToString();

        // Asks proxies not to buffer the stream.
        response.Headers["X-Accel-Buffering"] = "no";
        var spoken = time.GetTimestamp();
        await response.Body.FlushAsync(context.RequestAborted);
        while (!lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // The state is read before the history, so that the history contains everything up to the end of the run.
            var snapshot = await ReadAsync(() => store.GetSnapshotAsync(run), context.RequestAborted);
            var text = new StringBuilder();
            foreach (var entry in await ReadAsync(() => history.GetAsync(run, after), context.RequestAborted) ?? [])
            {
                after = entry.Number;
                if (ProgressEvent.From(entry) is { } progress)
                    Append(text, string.Create(CultureInfo.InvariantCulture, $"{Letter}{progress.Id}"), progress.Type,
                        JsonSerializer.Serialize(progress.Data, ProgressJson.Default.ProgressData));
            }

            if (snapshot is null || snapshot.State.HasEnded())
            {
                Append(text, End, "result", JsonSerializer.Serialize(ResultData.From(await ResultOfAsync(context, run, snapshot)),
                    ProgressJson.Default.ResultData));
                await SayAsync(response, text.ToString(), context.RequestAborted);
                return;
            }

            if (text.Length == 0 && time.GetElapsedTime(spoken) >= settings.KeepAlive) text.Append(":\n\n");
            if (text.Length > 0)
            {
                await SayAsync(response, text.ToString(), context.RequestAborted);
                spoken = time.GetTimestamp();
            }

            await waiter.PauseAsync(LookAgain, context.RequestAborted);
        }
    }

    private static bool TryNumber(string id, out long number)
    {
        number = 0;
        return id is [Letter, ..] && long.TryParse(id.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private async Task<StoredResponse> ResultOfAsync(HttpContext context, RunId run, RunSnapshot? snapshot) => snapshot switch
    {
        null => Problems.ResultUnknown().ToResponse(),
        { State: RunState.Cancelled } => Problems.RunCancelled(run).ToResponse(),
        _ => await results.GetAsync(context, run) ?? Problems.ResultUnknown().ToResponse(),
    };

    /// <summary>Clients that watch a run also wait for the store.</summary>
    private Task<T> ReadAsync<T>(Func<Task<T>> read, CancellationToken cancellation) => StoreRetry.RepeatAsync(
        read, time, patience: null, LookAgain, goOn: _ => !lifetime.ApplicationStopping.IsCancellationRequested,
        cancellation: cancellation);

    private static void Append(StringBuilder text, string id, string type, string data) =>
        text.Append(CultureInfo.InvariantCulture, $"id: {id}\nevent: {type}\ndata: {data}\n\n");

    private static async Task SayAsync(HttpResponse response, string text, CancellationToken cancellation)
    {
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), cancellation);
        await response.Body.FlushAsync(cancellation);
    }
}
