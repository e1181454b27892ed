using System;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DurableGateway.Client.Http;

/// <summary>
/// A client handler for durable routes: it sends a request and returns the final response of the run. A plain
/// <see cref="HttpClient"/> that follows redirects works too.
/// </summary>
/// <remarks>
/// <para>A request other than <c>GET</c>, <c>HEAD</c>, <c>OPTIONS</c> or <c>TRACE</c> gets an <c>Idempotency-Key</c>, so that the handler
/// can repeat it after a lost answer, and the gateway executes it as one run. The handler waits for the result until the request's
/// cancellation token or <see cref="HttpClient.Timeout"/> ends the wait. Set the latter to <see cref="Timeout.InfiniteTimeSpan"/> for
/// long runs.</para>
/// <para>A response of the run that is cut off is read again from the result URL. For this, the handler reads up to
/// <see cref="MaxBuffer"/> bytes of a response before it returns it. A stream of server-sent events passes as it arrives, and continues
/// after the last event if its connection is lost. It does so as long as the <see cref="HttpClient"/> is not disposed.</para>
/// <para>The inner handler must not follow redirects (<c>AllowAutoRedirect = false</c>). Otherwise, this handler cannot report progress
/// and the result URL. Redirects of the service are returned unchanged.</para>
/// <para>To get a result again, for example after a restart, send a <c>GET</c> to the URL that
/// <see cref="DurableRequestExtensions.OnResultUrl"/> reports. To cancel the run, append <c>/run</c> to the path of that URL and send a
/// <c>DELETE</c>.</para>
/// </remarks>
public sealed class DurableClientHandler : DelegatingHandler
{
    private const string ResultsPath = "/_durable/v1/results/";
    private const string EventStream = "text/event-stream";

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);

    private int _maxRepeats = 5;
    private int _maxBuffer = 1 << 20;
    private ILogger? _log;
    private Func<int, TimeSpan> _delay = number =>
        TimeSpan.FromTicks(Math.Min(FirstDelay.Ticks << Math.Min(number - 1, 6), TimeSpan.FromSeconds(10).Ticks));

    /// <summary>Creates a handler without an inner handler, for example for the HTTP client factory, which sets it.</summary>
    public DurableClientHandler()
    {
    }

    /// <summary>Creates a handler with an inner handler.</summary>
    /// <param name="innerHandler">The inner handler. It must not follow redirects.</param>
    public DurableClientHandler(HttpMessageHandler innerHandler)
        : base(innerHandler)
    {
    }

    /// <summary>The maximum of consecutive repeats of a call without an answer. Polling for a result does not count.</summary>
    /// <value>Zero or more. The default is 5.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int MaxRepeats
    {
        get => _maxRepeats;
        set => _maxRepeats = value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The number of repeats must not be negative.");
    }

    /// <summary>The delay before the n-th consecutive repeat, from 1. A <c>Retry-After</c> takes precedence.</summary>
    /// <value>The default starts with 0.2 seconds and doubles, up to 10 seconds.</value>
    public Func<int, TimeSpan> Delay
    {
        get => _delay;
        set => _delay = value ?? throw new ArgumentNullException(nameof(value));
    }

    /// <summary>
    /// How many bytes of a response the handler reads before it returns the response. What is longer passes as it arrives, and an exception
    /// reports if it is cut off.
    /// </summary>
    /// <value>Zero or more. The default is 1 MiB. With zero, all responses pass as they arrive.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public int MaxBuffer
    {
        get => _maxBuffer;
        set => _maxBuffer = value >= 0
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "The number of bytes must not be negative.");
    }

    /// <summary>Receives what happens to calls, in the category <c>DurableGateway.Client</c>.</summary>
    /// <value>The default is <see langword="null"/>: nothing is logged.</value>
    public ILoggerFactory? LoggerFactory { get; set; }

    private ILogger Log => _log ??= LoggerFactory?.CreateLogger(DurableStepsOptions.LogCategory) ?? NullLogger.Instance;

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request is null) throw new ArgumentNullException(nameof(request));
        if (request.Method == HttpMethod.Get && IsResult(request.RequestUri))
            return await ResultAsync(request, request.RequestUri!, cancellationToken).ConfigureAwait(false);
        var isSafe = IsSafe(request.Method);
        if (!isSafe && !request.Headers.Contains(DurableHeaders.IdempotencyKey))
            request.Headers.Add(DurableHeaders.IdempotencyKey, $"\"{Guid.NewGuid():N}\"");

        // Buffer the content, so that it can be sent again.
        if (request.Content is not null) await ResponseBuffer.LoadAsync(request.Content, cancellationToken).ConfigureAwait(false);
        for (var repeats = 0; ; repeats++)
        {
            HttpResponseMessage response;
            try
            {
                response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (IsLost(e, cancellationToken) && repeats < MaxRepeats)
            {
                await PauseAsync(null, repeats + 1, e.Message, cancellationToken).ConfigureAwait(false);
                continue;
            }

            var at = ResultOf(request, response);
            if (at is not null) request.TellResultUrl(at);
            if (IsRefusal(response))
            {
                // The run may be stored: ask its result URL. 404 means that it is not.
                if (at is not null && await ResultAsync(request, at, cancellationToken).ConfigureAwait(false) is var result)
                {
                    if (result.StatusCode != HttpStatusCode.NotFound || result.Headers.Contains(DurableHeaders.Status))
                        return Instead(response, result);
                    result.Dispose();
                }

                if (repeats >= MaxRepeats) return response;
                await PauseAsync(response, repeats + 1, "503", cancellationToken).ConfigureAwait(false);
                response.Dispose();
                continue;
            }

            if (at is null)
            {
                // A response of a run has a result URL, or its length is known: without the URL, the request is sent again.
                var mayRepeat = RunOf(response) is not null && repeats < MaxRepeats && response.Content?.Headers.ContentLength is not null;
                if (!mayRepeat || await IsWholeAsync(response, cancellationToken).ConfigureAwait(false)) return response;
                response.Dispose();
                await PauseAsync(null, repeats + 1, "The response was cut off.", cancellationToken).ConfigureAwait(false);
                continue;
            }

            var leadsThere = response.StatusCode == HttpStatusCode.SeeOther
                || (response.StatusCode == HttpStatusCode.Accepted && response.Headers.Contains("Preference-Applied"));
            if (leadsThere) Log.WaitsForResult(RunOf(response));
            else if (await ResumeEventsAsync(request, at, response, cancellationToken).ConfigureAwait(false)) return response;
            else if (await IsWholeAsync(response, cancellationToken).ConfigureAwait(false)) return response;
            return Instead(response, await ResultAsync(request, at, cancellationToken).ConfigureAwait(false));
        }
    }

    /// <summary>Waits at a result URL until the run has ended.</summary>
    private async Task<HttpResponseMessage> ResultAsync(HttpRequestMessage request, Uri first, CancellationToken cancellationToken)
    {
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var resultIsKnown = CancellationTokenSource.CreateLinkedTokenSource(watching.Token);
        var progress = request.ProgressOf();
        var watch = progress is null
            ? Task.CompletedTask
            : new ProgressReader(() => AskFor(request, first), base.SendAsync, progress, (MaxRepeats, Delay), Log)
                .WatchAsync(resultIsKnown.Token, watching.Token);
        try
        {
            var at = first;
            var repeats = 0;
            while (true)
            {
                HttpResponseMessage response;
                try
                {
                    response = await base.SendAsync(AskFor(request, at), cancellationToken).ConfigureAwait(false);
                }
                catch (Exception e) when (IsLost(e, cancellationToken) && repeats < MaxRepeats)
                {
                    await PauseAsync(null, ++repeats, e.Message, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                var hasEnded = response.Headers.TryGetValues(DurableHeaders.Status, out var statuses)
                    && statuses.First() is "completed" or "failed" or "cancelled";
                if (hasEnded)
                {
                    if (await ResumeEventsAsync(request, first, response, cancellationToken).ConfigureAwait(false)
                        || await IsWholeAsync(response, cancellationToken).ConfigureAwait(false) || repeats++ >= MaxRepeats)
                    {
                        // Progress after the result is too late.
                        resultIsKnown.Cancel();
                        if (progress is not null) await watch.ConfigureAwait(false);
                        return response;
                    }
                }
                else if (response.StatusCode == HttpStatusCode.SeeOther && response.Headers.Location is { } next)
                {
                    (at, repeats) = (new Uri(at, next), 0);
                }
                else if (response.StatusCode == HttpStatusCode.Accepted)
                {
                    (at, repeats) = (first, 0);
                    await Task.Delay(response.Headers.RetryAfter?.Delta ?? Delay(1), cancellationToken).ConfigureAwait(false);
                }
                else if (IsRefusal(response) && repeats < MaxRepeats)
                {
                    await PauseAsync(response, ++repeats, "503", cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    return response;
                }

                response.Dispose();
            }
        }
        finally
        {
            watching.Cancel();
        }
    }

    /// <summary>Reads a response as far as it fits into memory, to detect here if it is cut off.</summary>
    private async Task<bool> IsWholeAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        // Parts that replace one another pass as they arrive.
        if (response.Content?.Headers.ContentType?.MediaType is EventStream or "multipart/x-mixed-replace") return true;
        try
        {
            await ResponseBuffer.ReadAsync(response, MaxBuffer, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (IsLost(e, cancellationToken))
        {
            Log.ResponseWasCutOff(RunOf(response), e.Message);
            return false;
        }
    }

    /// <summary>Lets a response that is a stream of events continue at the result URL when its connection is lost.</summary>
    /// <returns>Whether the response is a stream of events.</returns>
    private async Task<bool> ResumeEventsAsync(
        HttpRequestMessage request, Uri at, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.StatusCode != HttpStatusCode.OK || response.Content?.Headers.ContentType?.MediaType != EventStream) return false;
        var first = await OpenAsync(response, cancellationToken).ConfigureAwait(false);
        ResponseBuffer.Replace(response, new StreamContent(new ResumedEventStream(first, async (failure, lastId, ended) =>
        {
            for (var repeats = 1; repeats <= MaxRepeats; repeats++)
            {
                Log.EventsWereInterrupted(lastId, failure.Message);
                await Task.Delay(Delay(repeats), ended).ConfigureAwait(false);
                using var message = AskFor(request, at);
                message.Headers.Accept.Clear();
                message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(EventStream));
                message.Headers.Remove("Last-Event-ID");
                if (lastId is not null) message.Headers.TryAddWithoutValidation("Last-Event-ID", lastId);
                try
                {
                    var next = await base.SendAsync(message, ended).ConfigureAwait(false);
                    if (next.StatusCode == HttpStatusCode.OK && next.Content?.Headers.ContentType?.MediaType == EventStream)
                        return await OpenAsync(next, ended).ConfigureAwait(false);
                    next.Dispose();
                    if (next.StatusCode == HttpStatusCode.NoContent) return null;
                    if (next.StatusCode != HttpStatusCode.ServiceUnavailable)
                        throw new HttpRequestException($"The run ended with another response ({(int)next.StatusCode}).", failure);
                }
                catch (Exception e) when (IsLost(e, ended) && e.InnerException != failure)
                {
                    failure = e;
                }
            }

            throw failure;
        })));
        return true;
    }

    private static Task<Stream> OpenAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
#if NETSTANDARD2_0
        cancellationToken.ThrowIfCancellationRequested();
        return response.Content.ReadAsStreamAsync();
#else
        return response.Content.ReadAsStreamAsync(cancellationToken);
#endif
    }

    private static string? RunOf(HttpResponseMessage response) =>
        response.Headers.TryGetValues(DurableHeaders.RunId, out var values) ? values.First() : null;

    private static HttpResponseMessage Instead(HttpResponseMessage response, HttpResponseMessage result)
    {
        response.Dispose();
        return result;
    }

    private static HttpRequestMessage AskFor(HttpRequestMessage request, Uri at)
    {
        var message = new HttpRequestMessage(HttpMethod.Get, at) { Version = request.Version };
        var isOfSameHost = at.Authority == request.RequestUri!.Authority;
        foreach (var header in request.Headers)
        {
            // Copy the headers that say what the client accepts and who it is, not those that control the execution.
            if (header.Key.Equals(DurableHeaders.IdempotencyKey, StringComparison.OrdinalIgnoreCase) || header.Key is "Prefer" or "Range"
                || header.Key.StartsWith("If-", StringComparison.OrdinalIgnoreCase)
                || (!isOfSameHost && header.Key is "Authorization" or "Cookie")) continue;
            message.Headers.TryAddWithoutValidation(header.Key, header.Value);
        }

        return message;
    }

    private static Uri? ResultOf(HttpRequestMessage request, HttpResponseMessage response)
    {
        if (!response.Headers.Contains(DurableHeaders.RunId)) return null;
        var reference = response.Headers.TryGetValues(DurableHeaders.Result, out var values)
            ? values.First()
            : response.Headers.Location?.OriginalString;
        var at = reference is null ? null : new Uri(request.RequestUri!, reference);
        return IsResult(at) ? at : null;
    }

    private static bool IsResult(Uri? at) => at is not null
        && (at.AbsolutePath.StartsWith(ResultsPath, StringComparison.Ordinal) || at.Query.Contains("durable-result="));

    /// <summary>Whether the gateway (not the service) reports that its store is unavailable or full.</summary>
    private static bool IsRefusal(HttpResponseMessage response) => response.StatusCode == HttpStatusCode.ServiceUnavailable
        && (response.Headers.TryGetValues(DurableHeaders.Status, out var status)
            ? status.First() == "not-durable"
            : response.Content?.Headers.ContentType?.MediaType == "application/problem+json");

    private static bool IsSafe(HttpMethod method) =>
        method == HttpMethod.Get || method == HttpMethod.Head || method == HttpMethod.Options || method == HttpMethod.Trace;

    private static bool IsLost(Exception e, CancellationToken cancellationToken) =>
        e is HttpRequestException or IOException && !cancellationToken.IsCancellationRequested;

    private Task PauseAsync(HttpResponseMessage? response, int repeats, string reason, CancellationToken cancellationToken)
    {
        Log.CallIsRepeated(repeats, MaxRepeats, reason);
        return Task.Delay(response?.Headers.RetryAfter?.Delta ?? Delay(repeats), cancellationToken);
    }
}
