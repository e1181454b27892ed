using System.Globalization;
using System.Net;
using System.Net.ServerSentEvents;

namespace DurableGateway.Chaos;

/// <summary>Clients that send requests to any gateway, and follow redirects to any gateway.</summary>
internal sealed class Clients(IReadOnlyList<Uri> gateways, IReadOnlyList<Uri> controls, History history) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(2)
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private int _requests;
    private int _direct;
    private int _unanswered;
    private int _notDurable;
    private int _events;
    private int _resumed;

    public int Requests => _requests;

    /// <summary>Requests that were answered while the client waited.</summary>
    public int Direct => _direct;

    /// <summary>Requests without an answer: there was no connection, or it was cut. The client has no promise for them.</summary>
    public int Unanswered => _unanswered;

    /// <summary>Requests that were answered without durability, because the store was unavailable.</summary>
    public int NotDurable => _notDurable;

    /// <summary>Events that were accepted.</summary>
    public int Events => _events;

    /// <summary>Streams that broke off and were resumed.</summary>
    public int Resumed => _resumed;

    public Task RunAsync(int count, CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, count).Select(_ => SendUntilAsync(stop)));

    /// <summary>Requests every promised result, and requests each result that exists again, because it must not change.</summary>
    public async Task CollectAsync(TimeSpan limit)
    {
        using var over = new CancellationTokenSource(limit);
        await Parallel.ForEachAsync(history.Runs, new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (run, _) =>
        {
            if (run.ResultUrl is not null) await FetchAsync(run, over.Token);
        });
    }

    public void Dispose() => _http.Dispose();

    private async Task SendUntilAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var run = new ClientRun($"r{Interlocked.Increment(ref _requests).ToString(CultureInfo.InvariantCulture)}");
            history.Runs.Enqueue(run);
            try
            {
                using var patience = new CancellationTokenSource(Patience);
                await SendAsync(run, patience.Token, stop);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
            {
                Interlocked.Increment(ref _unanswered);
                await Task.Delay(50, CancellationToken.None);
            }

            if (run.Promised && !stop.IsCancellationRequested) await FetchAsync(run, stop);
        }
    }

    private async Task SendAsync(ClientRun run, CancellationToken cancellation, CancellationToken stop)
    {
        var isStream = Service.KindOf(run.Request) == Kind.Stream;
        using var request = isStream
            ? new HttpRequestMessage(HttpMethod.Get, new Uri(Any(), $"{Ticker.Path}?request={run.Request}"))
            : Order(run.Request);
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        run.Run = Header(response, "Durable-Run-Id");
        run.ResultUrl = Header(response, "Durable-Result");
        if (response.StatusCode == HttpStatusCode.SeeOther)
        {
            run.ResultUrl = response.Headers.Location!.OriginalString;
            run.Promised = true;
            return;
        }

        if (isStream && response.StatusCode == HttpStatusCode.OK && run.ResultUrl is not null)
        {
            // If the store was unavailable, nothing is stored, and the response says so.
            run.Promised = Header(response, "Durable-Status") != "not-durable";
            await FollowAsync(run, response, stop);
            return;
        }

        var body = await BodyAsync(response, cancellation);
        if (isStream) body = await Ticker.SumAsync(run.Request, body);

        // Without the store, a failure cannot be stored, and the response says so.
        if (response.StatusCode == HttpStatusCode.ServiceUnavailable || Header(response, "Durable-Status") == "not-durable")
        {
            Interlocked.Increment(ref _notDurable);
            return;
        }

        Interlocked.Increment(ref _direct);
        run.Answers.Add(new Answer((int)response.StatusCode, body));
    }

    /// <summary>
    /// Reads a stream as EventSource does: after each end, it continues after its last event, until there are no more events.
    /// </summary>
    private async Task FollowAsync(ClientRun run, HttpResponseMessage live, CancellationToken stop)
    {
        var events = new List<SseItem<string>>();
        var (response, isFirst) = (live, true);
        while (true)
        {
            try
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
                patience.CancelAfter(Patience);
                if (!isFirst)
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Any(), run.ResultUrl));
                    request.Headers.Add("Accept", "text/event-stream");
                    if (events.Count > 0) request.Headers.Add("Last-Event-ID", events[^1].EventId);
                    response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
                }

                if (response.StatusCode == HttpStatusCode.NoContent)
                {
                    run.Answers.Add(new Answer(200, Ticker.Sum(run.Request, events)));
                    return;
                }

                if (response.IsSuccessStatusCode)
                    await Ticker.ReadAsync(await response.Content.ReadAsStreamAsync(patience.Token), events, patience.Token);
                else await Task.Delay(50, CancellationToken.None);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
            {
                // It keeps what it has, and requests the complete response at the end.
                if (stop.IsCancellationRequested) return;
                Interlocked.Increment(ref _resumed);
                await Task.Delay(20, CancellationToken.None);
            }
            finally
            {
                if (!isFirst) response.Dispose();
                isFirst = false;
            }
        }
    }

    private async Task FetchAsync(ClientRun run, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                patience.CancelAfter(TimeSpan.FromSeconds(4));
                if (!run.EventTaken && Service.KindOf(run.Request) == Kind.Event) await SendEventAsync(run, patience.Token);
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Any(), run.ResultUrl));
                request.Headers.Add("Prefer", "wait=2");
                using var response = await _http.SendAsync(request, patience.Token);
                var body = await BodyAsync(response, patience.Token);
                var status = Header(response, "Durable-Status");
                if (status is "completed" or "failed")
                {
                    if (Service.KindOf(run.Request) == Kind.Stream) body = await Ticker.SumAsync(run.Request, body);
                    run.Answers.Add(new Answer((int)response.StatusCode, body));
                    return;
                }

                if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone)
                {
                    run.Missing = $"{(int)response.StatusCode} {body}";
                    return;
                }

                if (response.StatusCode is not (HttpStatusCode.SeeOther or HttpStatusCode.ServiceUnavailable or HttpStatusCode.Accepted))
                    run.Missing = $"{(int)response.StatusCode} {body}";
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
            {
                // That node is down, or hangs. Another one can answer.
                await Task.Delay(20, CancellationToken.None);
            }
        }
    }

    /// <summary>An event whose answer was lost is sent again with the same id.</summary>
    private async Task SendEventAsync(ClientRun run, CancellationToken cancellation)
    {
        using var content = new StringContent($"\"{run.Request}\"", System.Text.Encoding.UTF8, "application/json");
        foreach (var (name, value) in new[] { ("specversion", "1.0"), ("type", Service.EventType), ("source", "/chaos"),
            ("id", run.Request), ("subject", run.Request) })
            content.Headers.Add("ce-" + name, value);
        using var response = await _http.PostAsync(new Uri(controls[Random.Shared.Next(controls.Count)], "/_durable/v1/events"),
            content, cancellation);
        run.EventTaken = response.StatusCode == HttpStatusCode.Accepted;
        if (run.EventTaken) Interlocked.Increment(ref _events);
        else await Task.Delay(50, CancellationToken.None);
    }

    private HttpRequestMessage Order(string request)
    {
        var (method, hasBody) = Service.MethodOf(request);
        if (Service.KindOf(request) == Kind.Calls)
            return new HttpRequestMessage(HttpMethod.Post, new Uri(Any(), "/checkout")) { Content = new StringContent(request) };
        return hasBody
            ? new HttpRequestMessage(method, new Uri(Any(), "/order")) { Content = new StringContent(request) }
            : new HttpRequestMessage(method, new Uri(Any(), $"/order?request={request}"));
    }

    private static async Task<string> BodyAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var body = await response.Content.ReadAsStringAsync(cancellation);
        return body.Length == 0 ? Header(response, Service.AnswerHeader) ?? "" : body;
    }

    private Uri Any() => gateways[Random.Shared.Next(gateways.Count)];

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? values.First() : null;
}
