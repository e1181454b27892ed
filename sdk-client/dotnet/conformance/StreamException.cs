namespace DurableGateway.Client.Conformance;

/// <summary>Ends the handler with a stream of events.</summary>
internal sealed class StreamException(int events, int? crashAfter) : Exception
{
    /// <summary>Sends the events that the client does not have.</summary>
    public async Task SendAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers["Durable-Stream"] = "resume";
        _ = int.TryParse(context.Request.Headers["Last-Event-ID"], out var last);
        for (var id = last + 1; id <= events; id++)
        {
            await context.Response.WriteAsync($"id: {id}\ndata: part {id}\n\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            if (id == crashAfter) Crash.Now();
        }
    }
}
