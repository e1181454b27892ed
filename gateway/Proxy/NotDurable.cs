using DurableGateway.Protocol;

namespace DurableGateway.Proxy;

/// <summary>Marks a request of a durable route that is only proxied, and its response: <c>Durable-Status: not-durable</c>.</summary>
internal sealed class NotDurable
{
    private static readonly NotDurable Instance = new();

    /// <summary>Marks the response again if the request is marked.</summary>
    public static void MarkAgain(HttpContext context)
    {
        if (context.Features.Get<NotDurable>() is not null) Mark(context);
    }

    public static void Mark(HttpContext context)
    {
        context.Features.Set(Instance);
        context.Response.Headers[DurableHeaders.Status] = "not-durable";
    }
}
