using System;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

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
/// <para>The inner handler must not follow redirects (<c>AllowAutoRedirect = false</c>). Otherwise, this handler cannot report progress
/// and the result URL. Redirects of the service are returned unchanged.</para>
/// <para>To get a result again, for example after a restart, send a <c>GET</c> to the URL that
/// <see cref="DurableRequestExtensions.OnResultUrl"/> reports. To cancel the run, append <c>/run</c> to the path of that URL and send a
/// <c>DELETE</c>.</para>
/// </remarks>
public sealed class DurableClientHandler : DelegatingHandler
{
    private const string ResultsPath = "/_durable/v1/results/";
    private const int MaxBuffer = 1 << 20;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);

    private int _maxRepeats = 5;
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
        if (request.Content is not null) await BufferAsync(request.Content, cancellationToken).ConfigureAwait(false);
        for (var repeats = 0; ; repeats++)
        {
            HttpResponseMessage response;
            try
            {
                response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (IsLost(e, cancellationToken) && repeats < MaxRepeats)
            {
                await PauseAsync(null, repeats + 1, cancellationToken).ConfigureAwait(false);
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
                await PauseAsync(response, repeats + 1, cancellationToken).ConfigureAwait(false);
                response.Dispose();
                continue;
            }

            if (at is null) return response;
            var leadsThere = response.StatusCode == HttpStatusCode.SeeOther
                || (response.StatusCode == HttpStatusCode.Accepted && response.Headers.Contains("Preference-Applied"));
            if (!leadsThere && await IsWholeAsync(response, cancellationToken).ConfigureAwait(false)) return response;
            return Instead(response, await ResultAsync(request, at, cancellationToken).ConfigureAwait(false));
        }
    }

    /// <summary>Waits at a result URL until the run has ended.</summary>
    private async Task<HttpResponseMessage> ResultAsync(HttpRequestMessage request, Uri first, CancellationToken cancellationToken)
    {
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var progress = request.ProgressOf();
        var watch = progress is null
            ? Task.CompletedTask
            : new ProgressReader(base.SendAsync, progress).WatchAsync(AskFor(request, first), watching.Token);
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
                    await PauseAsync(null, ++repeats, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                var hasEnded = response.Headers.TryGetValues(DurableHeaders.Status, out var statuses)
                    && statuses.First() is "completed" or "failed" or "cancelled";
                if (hasEnded)
                {
                    if (await IsWholeAsync(response, cancellationToken).ConfigureAwait(false) || repeats++ >= MaxRepeats)
                    {
                        // Progress after the result is too late.
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
                    await PauseAsync(response, 1, cancellationToken).ConfigureAwait(false);
                }
                else if (IsRefusal(response) && repeats < MaxRepeats)
                {
                    await PauseAsync(response, ++repeats, cancellationToken).ConfigureAwait(false);
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

    /// <summary>Buffers a response that fits into memory, to detect here if it is truncated.</summary>
    private static async Task<bool> IsWholeAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.Content?.Headers.ContentLength is null or > MaxBuffer) return true;
        try
        {
            await BufferAsync(response.Content, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (IsLost(e, cancellationToken))
        {
            return false;
        }
    }

    private static Task BufferAsync(HttpContent content, CancellationToken cancellationToken)
    {
#if NET10_0_OR_GREATER
        return content.LoadIntoBufferAsync(cancellationToken);
#else
        cancellationToken.ThrowIfCancellationRequested();
        return content.LoadIntoBufferAsync();
#endif
    }

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

    private Task PauseAsync(HttpResponseMessage? response, int repeats, CancellationToken cancellationToken) =>
        Task.Delay(response?.Headers.RetryAfter?.Delta ?? Delay(repeats), cancellationToken);
}
