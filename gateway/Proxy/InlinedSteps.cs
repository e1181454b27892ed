using System.Net.Http.Headers;
using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Yarp.ReverseProxy.Transforms;

namespace DurableGateway.Proxy;

/// <summary>
/// Puts stored outcomes into an attempt's headers (<c>Durable-Steps</c>, §2), as far as the header section as a whole stays small: servers
/// refuse a large one, and the outcomes can be read from the gateway as well.
/// </summary>
internal static class InlinedSteps
{
    /// <summary>
    /// What .NET's client adds when it sends the request: <c>traceparent</c>, a short <c>tracestate</c>, <c>Transfer-Encoding</c>.
    /// </summary>
    private const int AddedLater = 256;

    /// <summary>The colon, the space and the line end.</summary>
    private const int AroundField = 4;

    /// <returns>Whether there are any in its headers now. All other headers are set by then, because they count.</returns>
    public static bool TryAdd(RequestTransformContext request, Attempt attempt)
    {
        var budget = attempt.Policy.InlineHeaderBytes ?? RunPolicy.DefaultInlineHeaderBytes;
        var room = budget - SizeOf(request) - DurableHeaders.Steps.Length - AroundField;
        var list = StepsHeader.Format(attempt.Steps, Math.Min(attempt.Policy.InlineStepBytes, room));
        if (list.Length == 0) return false;
        request.ProxyRequest.Headers.TryAddWithoutValidation(DurableHeaders.Steps, list);
        return true;
    }

    /// <summary>The size of the request line and the header section in bytes, rounded up.</summary>
    private static int SizeOf(RequestTransformContext context)
    {
        var request = context.ProxyRequest;
        var target = request.RequestUri?.OriginalString ?? context.DestinationPrefix + context.Path + context.Query.QueryString;
        var line = request.Method.Method.Length + Encoding.UTF8.GetByteCount(target) + " HTTP/1.1\r\n".Length + 1;
        return AddedLater + line + SizeOf(request.Headers) + (request.Content is { } content ? SizeOf(content.Headers) : 0);
    }

    private static int SizeOf(HttpHeaders headers)
    {
        var size = 0;
        foreach (var (name, values) in headers.NonValidated)
        {
            foreach (var value in values) size += name.Length + Encoding.UTF8.GetByteCount(value) + AroundField;
        }

        return size;
    }
}
