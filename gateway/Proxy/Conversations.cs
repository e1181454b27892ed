using Microsoft.AspNetCore.Http;

namespace DurableGateway.Proxy;

/// <summary>
/// Tells subscriptions from results: what is asked for with GET and answered with events, or with one picture after the other, ends when its
/// client leaves, who will ask again. Events in answer to a POST are a result that comes piece by piece.
/// </summary>
internal static class Conversations
{
    public static bool Includes(HttpContext context) =>
        HttpMethods.IsGet(context.Request.Method) && context.Response.ContentLength is null && context.Response.ContentType is { } type
        && (type.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase) || type.StartsWith("multipart/x-mixed-replace", StringComparison.OrdinalIgnoreCase));
}
