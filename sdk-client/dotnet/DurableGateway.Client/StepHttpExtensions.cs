using System;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>HTTP requests as steps.</summary>
public static class StepHttpExtensions
{
    /// <summary>Sends an HTTP request by a client, once, and keeps the response.</summary>
    /// <param name="step">The steps of the handler.</param>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="client">Sends the request.</param>
    /// <param name="request">Makes the request: anew for each try, because a request can be sent once.
    /// It is not called in a replay that has the response.</param>
    /// <param name="options">How this step is tried; <see langword="null"/>: as the route's policy says.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>A response of its own with the status, headers and body of the one that was received,
    /// in this attempt or an earlier one.</returns>
    /// <exception cref="ArgumentNullException">Something of it is missing.</exception>
    /// <seealso cref="IStep.FetchAsync(string, Func{CancellationToken, Task{HttpResponseMessage}}, CancellationToken)"/>
    public static Task<HttpResponseMessage> FetchAsync(
        this IStep step, string name, HttpClient client, Func<HttpRequestMessage> request, StepOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        if (step is null) throw new ArgumentNullException(nameof(step));
        if (client is null) throw new ArgumentNullException(nameof(client));
        if (request is null) throw new ArgumentNullException(nameof(request));
        return step.FetchAsync(name, SendAsync, options, cancellationToken);

        async Task<HttpResponseMessage> SendAsync(CancellationToken token)
        {
            using var message = request();
            return await client.SendAsync(message, token).ConfigureAwait(false);
        }
    }
}
