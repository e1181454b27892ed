using System;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;

namespace DurableGateway.Client.Http;

/// <summary>Streams the history of a run from its result URL.</summary>
/// <param name="request">The request for the result.</param>
/// <param name="send">Sends a request.</param>
/// <param name="progress">Receives the progress.</param>
/// <param name="repeats">How often the connection may fail without an event in between, and the delay before each repeat.</param>
/// <param name="log">Receives what happens to the connection.</param>
internal sealed class ProgressReader(
    Func<HttpRequestMessage> request,
    Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send,
    IProgress<RunProgress> progress,
    (int Max, Func<int, TimeSpan> Delay) repeats,
    ILogger log)
{
    private string? _lastId;
    private int _failures;

    /// <summary>
    /// Reports the progress until the run has ended. After a lost connection it continues behind the last entry. Errors are ignored,
    /// because they must not prevent the result.
    /// </summary>
    /// <param name="resultIsKnown">The result is known: the reader gets the last entries, and does not wait to connect again.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public async Task WatchAsync(CancellationToken resultIsKnown, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            var isLast = resultIsKnown.IsCancellationRequested;
            if (await ReadAsync(cancellationToken).ConfigureAwait(false)) return;

            // An entry sets the failures to zero. Without one after the result, there is nothing more to come.
            if (++_failures > repeats.Max || (isLast && _failures > 1)) return;
            log.ProgressInterrupted(_lastId);
            try
            {
                await Task.Delay(repeats.Delay(_failures), resultIsKnown).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The last entries may not have been reported.
            }
        }
    }

    /// <summary>Reads one connection.</summary>
    /// <returns>Whether there is nothing more to read.</returns>
    private async Task<bool> ReadAsync(CancellationToken cancellationToken)
    {
        using var message = request();
        message.Headers.Accept.Clear();
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        if (_lastId is not null) message.Headers.TryAddWithoutValidation("Last-Event-ID", _lastId);
        try
        {
            using var response = await send(message, cancellationToken).ConfigureAwait(false);
            if (response.Content?.Headers.ContentType?.MediaType != "text/event-stream")
                return response.StatusCode != HttpStatusCode.ServiceUnavailable;
#if NETSTANDARD2_0
            using var ended = cancellationToken.Register(response.Dispose);
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync().ConfigureAwait(false));
#else
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false));
#endif
            string? kind = null, id = null, data = null;
            while (await LineAsync(reader, cancellationToken).ConfigureAwait(false) is { } line)
            {
                if (line.StartsWith("event:", StringComparison.Ordinal)) kind = line.Substring("event:".Length).Trim();
                else if (line.StartsWith("id:", StringComparison.Ordinal)) id = line.Substring("id:".Length).Trim();
                else if (line.StartsWith("data:", StringComparison.Ordinal)) data = line.Substring("data:".Length);
                if (line.Length > 0 || data is null) continue;

                // The stream of the service itself is the result, not the history.
                if (kind is not ("attempt" or "step" or "suspended")) return true;
                (_lastId, _failures) = (id ?? _lastId, 0);
                if (Read(kind, data) is { } told) progress.Report(told);
                kind = id = data = null;
            }

            return false;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            return false;
        }
    }

    private static async Task<string?> LineAsync(StreamReader reader, CancellationToken cancellationToken)
    {
#if NETSTANDARD2_0
        cancellationToken.ThrowIfCancellationRequested();
        return await reader.ReadLineAsync().ConfigureAwait(false);
#else
        return await reader.ReadLineAsync(cancellationToken).ConfigureAwait(false);
#endif
    }

    private static RunProgress? Read(string kind, string data)
    {
        try
        {
            using var document = JsonDocument.Parse(data);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return null;
            return new RunProgress(
                kind,
                root.TryGetProperty("attempt", out var attempt) && attempt.TryGetInt32(out var number) ? number : 0,
                Text(root, "step"),
                Text(root, "state"),
                Time(Text(root, "until")));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static DateTimeOffset? Time(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time : null;

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
