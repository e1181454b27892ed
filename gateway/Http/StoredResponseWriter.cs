using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Http;

/// <summary>Writes a stored response to a client, as the service sent it.</summary>
internal static class StoredResponseWriter
{
    public static Task WriteAsync(HttpContext context, RunId run, StoredResponse stored, RunState state)
    {
        context.Response.Headers[DurableHeaders.RunId] = run.ToString();
        context.Response.Headers[DurableHeaders.Status] = state.Name();
        return WriteBodyAsync(context, stored);
    }

    public static async Task WriteBodyAsync(HttpContext context, StoredResponse stored)
    {
        var response = context.Response;
        response.StatusCode = stored.Status;
        stored.Headers.CopyTo(response.Headers);
        if (stored.Trailers is { Count: > 0 } trailers && response.SupportsTrailers())
        {
            foreach (var (name, value) in trailers) response.AppendTrailer(name, value);
        }

        BodilessStatus.Fit(response);
        if (HttpMethods.IsHead(context.Request.Method) || BodilessStatus.Includes(stored.Status)) return;
        if (stored.Body.IsEmpty)
        {
            // A stored HEAD response declares the length of a body that does not exist.
            if (response.ContentLength > 0) response.ContentLength = null;
            return;
        }

        await response.Body.WriteAsync(stored.Body, context.RequestAborted);
    }
}
