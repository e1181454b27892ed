using System;
using System.Globalization;
using System.IO;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client.Http;

/// <summary>Streams the history of a run from its result URL.</summary>
internal sealed class ProgressReader(
    Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send, IProgress<RunProgress> progress)
{
    /// <summary>
    /// Reports the progress until the run has ended. Errors are ignored, because they must not prevent the result.
    /// </summary>
    /// <param name="request">The request for the result.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public async Task WatchAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.Accept.Clear();
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        try
        {
            using var response = await send(request, cancellationToken).ConfigureAwait(false);
            if (response.Content?.Headers.ContentType?.MediaType != "text/event-stream") return;
#if NETSTANDARD2_0
            using var ended = cancellationToken.Register(response.Dispose);
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync().ConfigureAwait(false));
#else
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false));
#endif
            string? kind = null;
            while (await LineAsync(reader, cancellationToken).ConfigureAwait(false) is { } line)
            {
                if (line.StartsWith("event:", StringComparison.Ordinal)) kind = line.Substring("event:".Length).Trim();
                if (kind == "result") return;
                if (kind is not null && line.StartsWith("data:", StringComparison.Ordinal)
                    && Read(kind, line.Substring("data:".Length)) is { } told)
                    progress.Report(told);
                if (line.Length == 0) kind = null;
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The handler requests the result anyway.
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
