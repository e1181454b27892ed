using System;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>HTTP requests as steps.</summary>
public static class StepHttpExtensions
{
    /// <summary>Sends an HTTP request with a client once, and stores the response.</summary>
    /// <param name="step">The steps of the handler.</param>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="client">Sends the request.</param>
    /// <param name="request">Creates a new request for each try, because a request can be sent only once.
    /// It is not called in a replay that has the response.</param>
    /// <param name="options">The options for the tries; <see langword="null"/> for those of the route's policy.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>A new response with the status, headers and body of the received response,
    /// from this or an earlier attempt.</returns>
    /// <exception cref="ArgumentNullException">A required argument is <see langword="null"/>.</exception>
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
            EgressFlow.MarkInStep(message);
            return await client.SendAsync(message, token).ConfigureAwait(false);
        }
    }
}
