using DurableGateway.Runs;

namespace DurableGateway.Admin.Json;

/// <summary>An event without its data.</summary>
internal sealed record EventJson(DateTimeOffset Time, string Type, string? Subject, string ContentType, int Bytes, int Woken)
{
    public static EventJson From(RecentEvent recent) => new(
        recent.At, recent.Event.Topic.Type, recent.Event.Topic.Key, recent.Event.ContentType, recent.Event.Data.Length, recent.Woken);
}
