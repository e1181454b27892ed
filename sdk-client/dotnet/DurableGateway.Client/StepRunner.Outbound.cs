using System;
using System.Net;
using System.Net.Http;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>The steps that send something.</summary>
internal sealed partial class StepRunner
{
    public Task<int> SendEventAsync(string name, string type, string? key, object? data, CancellationToken cancellationToken = default)
    {
        if (string.IsNullOrWhiteSpace(type))
            throw new ArgumentException("An event must have a type. Steps that wait for the event name it.", nameof(type));
        if (key is { Length: 0 })
            throw new ArgumentException("The key must not be empty. Use null for an event without a key.", nameof(key));
        return ExecuteAsync(name, (id, token) => PostEventAsync(id, type, key, data, token),
            _ => CountContent.Instance, null, cancellationToken);
    }

    public Task<HttpResponseMessage> FetchAsync(
        string name, Func<CancellationToken, Task<HttpResponseMessage>> send, CancellationToken cancellationToken = default) =>
        FetchAsync(name, send, null, cancellationToken);

    public Task<HttpResponseMessage> FetchAsync(
        string name, Func<CancellationToken, Task<HttpResponseMessage>> send, StepOptions? options,
        CancellationToken cancellationToken = default)
    {
        if (send is null) throw new ArgumentNullException(nameof(send));
        return ExecuteAsync(name, (_, token) => send(token), NewResponseContent, options, cancellationToken);
    }

    private StepContent<HttpResponseMessage> NewResponseContent(string id) => new ResponseContent(options);

    private async Task<int> PostEventAsync(string id, string type, string? key, object? data, CancellationToken cancellationToken)
    {
        var to = RequireGateway(id, "sends an event, which needs a gateway");
        var (bytes, contentType) = Payload(id, data);
        using var response = await to.PostEventAsync(CloudEvent.Write(run.Id!, id, type, key, bytes, contentType),
            cancellationToken).ConfigureAwait(false);
        switch (response.StatusCode)
        {
            case HttpStatusCode.Accepted or HttpStatusCode.OK:
                return Woken(await GatewayClient.ReadAsync(response).ConfigureAwait(false));

            case HttpStatusCode.Conflict or HttpStatusCode.Gone:
                throw await AbandonAsync(id, response).ConfigureAwait(false);

            case HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge
                or HttpStatusCode.UnsupportedMediaType or (HttpStatusCode)422:
                throw new NonRetryableException((await GatewayClient.RefusedAsync($"The event '{type}'",
                    response).ConfigureAwait(false)).Message);

            default:
                throw await GatewayClient.RefusedAsync($"The event '{type}' of step '{id}'", response).ConfigureAwait(false);
        }
    }

    /// <summary>Serializes a value of the handler: bytes unchanged, other values as JSON.</summary>
    /// <exception cref="StepUsageException">The value cannot be serialized.</exception>
    private (byte[] Bytes, string ContentType) Payload(string id, object? value)
    {
        if (value is null) return ([], StepContent.JsonType);
        if (value is byte[] bytes) return (bytes, StepContent.BytesType);
        try
        {
            return (JsonSerializer.SerializeToUtf8Bytes(value, options.JsonOrDefault.GetTypeInfo(value.GetType())), StepContent.JsonType);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new StepUsageException(
                $"Step '{id}' sends {value.GetType()}, which cannot be serialized to JSON: {e.Message} Send plain data. "
                + "With source generation, add the type to the JsonSerializerContext.", e);
        }
    }

    private static int Woken(byte[] answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            return document.RootElement.TryGetProperty("woken", out var woken) && woken.TryGetInt32(out var count) ? count : 0;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The event was accepted. Only the number of woken runs is unknown.
            return 0;
        }
    }
}
