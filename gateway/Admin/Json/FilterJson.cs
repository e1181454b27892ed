using DurableGateway.Runs;

namespace DurableGateway.Admin.Json;

/// <summary>The filter of a bulk action. It has the same members as the query of the list.</summary>
internal sealed record FilterJson(string? State, string? Route, string? After, string? Before, string? Step, string? Search)
{
    public static FilterJson From(RunQuery query) =>
        new(query.Paused ? AdminQuery.PausedName : query.State?.Name(), query.Route,
            Time(query.After), Time(query.Before), query.Step, query.Search);

    private static string? Time(DateTimeOffset? at) =>
        at?.ToUniversalTime().ToString("O", System.Globalization.CultureInfo.InvariantCulture);
}
