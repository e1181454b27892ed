using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>The calls of §3 of the wire contract. The <see cref="HttpClient"/> retries them.</summary>
internal sealed class GatewayClient(HttpClient http, IReadOnlyList<Uri> callbacks, string token, string? build = null)
{
    /// <summary>The address that answered last. Its node knows the run.</summary>
    private int _best;

    /// <summary>
    /// The id of this execution of the handler. It distinguishes executions of the same attempt if an intermediary sends the request
    /// twice.
    /// </summary>
    private readonly string _execution = $"\"{Guid.NewGuid():N}\"";

    /// <summary>Stores an outcome. The caller disposes of the answer.</summary>
    /// <exception cref="CheckpointException">No address accepted the call.</exception>
    /// <remarks>
    /// The call is not cancelled with the request: the outcome of an executed step is worth storing, and the gateway accepts it until the
    /// next attempt starts.
    /// </remarks>
    public Task<HttpResponseMessage> PutAsync(string step, IStepWrite write) =>
        SendAsync(callback => callback + "/steps/" + Uri.EscapeDataString(step),
            url => Built(write.ToRequest(url)), CancellationToken.None);

    /// <summary>Sends an event to the gateway. The caller disposes of the answer.</summary>
    /// <param name="cloudEvent">A CloudEvent in structured mode.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="CheckpointException">No address accepted the call.</exception>
    public Task<HttpResponseMessage> PostEventAsync(byte[] cloudEvent, CancellationToken cancellationToken) =>
        SendAsync(
            EventsOf,
            url =>
            {
                var message = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(cloudEvent) };
                message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/cloudevents+json");
                return message;
            },
            cancellationToken);

    /// <summary>Gets all stored outcomes of the run.</summary>
    /// <exception cref="CheckpointException">No address accepted the call.</exception>
    public async Task<Dictionary<string, StepOutcome>> GetStepsAsync(CancellationToken cancellationToken)
    {
        using var response = await SendAsync(callback => callback + "/steps", ListRequest, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode != HttpStatusCode.OK) throw await RefusedAsync("The stored steps", response).ConfigureAwait(false);
        try
        {
            if (response.Content.Headers.ContentType?.MediaType == StepListReader.ContentType)
                return StepListReader.Read(await ReadAsync(response).ConfigureAwait(false));
            using var document = JsonDocument.Parse(await ReadAsync(response).ConfigureAwait(false));
            return document.RootElement.EnumerateArray().ToDictionary(
                step => step.GetProperty("id").GetString()!,
                step => new StepOutcome(
                    step.GetProperty("outcome").GetString() == "failed",
                    step.GetProperty("contentType").GetString() ?? StepContent.JsonType,
                    step.GetProperty("body").GetBytesFromBase64(),
                    step.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String ? type.GetString() : null),
                StringComparer.Ordinal);
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new CheckpointException($"The gateway's list of steps cannot be read: {e.Message}", e);
        }
    }

    /// <summary>An older gateway has only the JSON form.</summary>
    private static HttpRequestMessage ListRequest(string url)
    {
        var message = new HttpRequestMessage(HttpMethod.Get, url);
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(StepListReader.ContentType));
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(StepContent.JsonType, 0.9));
        return message;
    }

    /// <summary>The exception for a refused call.</summary>
    public static async Task<CheckpointException> RefusedAsync(string what, HttpResponseMessage response)
    {
        var problem = StepProblem.Parse(await ReadAsync(response).ConfigureAwait(false));
        return new CheckpointException(
            $"{what}: the gateway "
            + $"answered {(int)response.StatusCode} ({problem.Title}{(problem.Detail is null ? "" : ": " + problem.Detail)}).");
    }

    /// <summary>Reads the body, which the client has buffered.</summary>
    public static Task<byte[]> ReadAsync(HttpResponseMessage response) => response.Content.ReadAsByteArrayAsync();

    /// <summary>The address of the events, which has the same path prefix as the callback address.</summary>
    private static string EventsOf(string callback)
    {
        var end = callback.LastIndexOf("/runs/", StringComparison.Ordinal);
        return end < 0 ? new Uri(new Uri(callback), "/_durable/v1/events").AbsoluteUri : callback.Remove(end) + "/events";
    }

    private HttpRequestMessage Built(HttpRequestMessage message)
    {
        if (build is not null) message.Headers.TryAddWithoutValidation(DurableHeaders.Build, build);
        return message;
    }

    private async Task<HttpResponseMessage> SendAsync(
        Func<string, string> address, Func<string, HttpRequestMessage> request, CancellationToken cancellationToken)
    {
        Exception? last = null;
        var first = Volatile.Read(ref _best);
        for (var i = 0; i < callbacks.Count; i++)
        {
            var turn = (first + i) % callbacks.Count;
            var url = address(callbacks[turn].AbsoluteUri);
            try
            {
                using var message = request(url);
                message.Headers.TryAddWithoutValidation(DurableHeaders.Token, token);
                message.Headers.TryAddWithoutValidation(DurableHeaders.Execution, _execution);
                var response = await http.SendAsync(message, cancellationToken).ConfigureAwait(false);

                // If the node does not know the run or cannot reach the store, try the next address.
                if (i + 1 < callbacks.Count && response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.ServiceUnavailable)
                {
                    last = await RefusedAsync(url, response).ConfigureAwait(false);
                    response.Dispose();
                    continue;
                }

                Volatile.Write(ref _best, turn);
                return response;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested && e is not CheckpointException)
            {
                // Any exception of the client's handlers (refused connection, timeout, open circuit) means that the call failed.
                last = e;
            }
        }

        throw new CheckpointException($"The gateway cannot be reached at {string.Join(", ", callbacks)}: {last?.Message}", last);
    }
}
