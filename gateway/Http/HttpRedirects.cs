using DurableGateway.Protocol;

namespace DurableGateway.Http;

/// <summary>Redirects a client to a result URL.</summary>
internal static class HttpRedirects
{
    /// <param name="response">The response, which must not have started.</param>
    /// <param name="url">The result URL.</param>
    /// <param name="status"><c>303</c>, or <c>202</c> if the client asked not to wait.</param>
    /// <param name="retryAfter">When the client should ask again, if that is known.</param>
    public static void Redirect(this HttpResponse response, string url, int status, TimeSpan retryAfter = default)
    {
        response.StatusCode = status;
        response.Headers.Location = url;
        response.Headers.RetryAfter = RetryAfter.Format(retryAfter);
        response.Headers.CacheControl = "no-store";
    }
}
