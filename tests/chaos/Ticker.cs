using System.Globalization;
using System.Net.ServerSentEvents;
using System.Text;

namespace DurableGateway.Chaos;

/// <summary>A stream of events that clients resume. It has a fixed number of events in order, and each names its request.</summary>
internal static class Ticker
{
    public const string Path = "/ticker";
    private const int Length = 30;

    /// <summary>Sends the stream, from the start or after the client's last event. Sometimes it breaks off.</summary>
    public static async Task ServeAsync(HttpContext context)
    {
        var request = context.Request.Query["request"].ToString();

        // A service need not support Last-Event-ID: the gateway skips the events that the client has.
        var last = Random.Shared.Next(2) == 0
            && int.TryParse(context.Request.Headers["Last-Event-ID"], CultureInfo.InvariantCulture, out var id)
            ? id
            : 0;
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers["Durable-Stream"] = "resume";
        for (var i = last + 1; i <= Length; i++)
        {
            await context.Response.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"id: {i}\ndata: {request}:{i}\n\n"));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Random.Shared.Next(20), CancellationToken.None);
            if (Random.Shared.Next(3 * Length) != 0) continue;
            context.Abort();
            return;
        }
    }

    /// <summary>Reads the events of a stream until it ends or breaks off.</summary>
    public static async Task ReadAsync(Stream stream, List<SseItem<string>> events, CancellationToken cancellation)
    {
        var parser = SseParser.Create(stream);
        await foreach (var one in parser.EnumerateAsync(cancellation))
            events.Add(new SseItem<string>(one.Data) { EventId = parser.LastEventId });
    }

    /// <summary>The events in a form for comparison. It starts with the request if each event is present once and in order.</summary>
    public static string Sum(string request, IReadOnlyList<SseItem<string>> events)
    {
        var wanted = Enumerable.Range(1, Length).Select(i =>
            (string.Create(CultureInfo.InvariantCulture, $"{i}"), string.Create(CultureInfo.InvariantCulture, $"{request}:{i}")));
        return events.Select(one => (one.EventId ?? "", one.Data)).SequenceEqual(wanted)
            ? $"{request}:all events"
            : "events " + string.Join(' ', events.Select(one => $"{one.EventId}={one.Data}"));
    }

    public static async Task<string> SumAsync(string request, string body)
    {
        var events = new List<SseItem<string>>();
        await ReadAsync(new MemoryStream(Encoding.UTF8.GetBytes(body)), events, CancellationToken.None);
        return Sum(request, events);
    }
}
