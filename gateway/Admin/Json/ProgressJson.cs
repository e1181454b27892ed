using System.Text.Json;
using DurableGateway.Runs;

namespace DurableGateway.Admin.Json;

internal sealed record ProgressJson(
    string Id, string Action, FilterJson? Filter, string Who, string State, int Done, int Refused, DateTimeOffset StartedAt,
    DateTimeOffset? EndedAt, string? Problem)
{
    public static ProgressJson From(BulkAction set) => new(
        set.Id.ToString(), set.Verb, JsonSerializer.Deserialize<FilterJson>(set.Filter.Span, JsonSerializerOptions.Web), set.Who,
        set.State.ToString().ToLowerInvariant(), set.Done, set.Refused, set.StartedAt, set.EndedAt, set.Problem);
}
