using System;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>Serializes a fetched response.</summary>
internal sealed class ResponseContent(DurableStepsOptions options) : StepContent<HttpResponseMessage>
{
    public override string ContentType => StoredResponse.ContentType;

    public override async Task<HttpResponseMessage> ReceiveAsync(
        string step, HttpResponseMessage result, CancellationToken cancellationToken)
    {
        if (result is null)
            throw new StepUsageException($"Step '{step}' returns null instead of a response. Return the response of the HttpClient.");
        using (result)
        {
            // 408 and 429 are not failures of the server, but they request another try.
            if ((int)result.StatusCode is 408 or 429 or 500 or 502 or 503 or 504) throw Failed(result);
            return (await StoredResponse.ReadAsync(result, cancellationToken).ConfigureAwait(false)).ToResponse();
        }
    }

    public override async Task<(byte[] Body, HttpResponseMessage Result)> WriteAsync(HttpResponseMessage result)
    {
        var stored = await StoredResponse.ReadAsync(result, CancellationToken.None).ConfigureAwait(false);
        return (stored.ToJson(), result);
    }

    public override HttpResponseMessage Read(byte[] body) => StoredResponse.Parse(body).ToResponse();

    private FailedResponseException Failed(HttpResponseMessage response)
    {
        var after = response.Headers.RetryAfter;
        var delay = after?.Delta ?? (after?.Date is { } date ? date - options.Now : null);
        if (delay < TimeSpan.Zero) delay = TimeSpan.Zero;

        // Without path and query, which may contain secrets.
        var who = response.RequestMessage?.RequestUri is { IsAbsoluteUri: true } url ? url.Authority : "The server";
        return new FailedResponseException($"{who} answered {(int)response.StatusCode} ({response.ReasonPhrase}).",
            (int)response.StatusCode, delay);
    }
}
