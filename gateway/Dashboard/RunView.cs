using DurableGateway.Admin;

namespace DurableGateway.Dashboard;

/// <summary>A run and how it is looked at: what stands in the query of its page.</summary>
/// <param name="Run">All of it.</param>
/// <param name="Timeline">Its waterfall.</param>
/// <param name="First">The first step that is shown.</param>
/// <param name="Count">How many are.</param>
/// <param name="Step">The step that is open; empty where none is.</param>
/// <param name="Done">What has been done just now.</param>
/// <param name="Problem">Why it was not.</param>
/// <param name="Page">Who asks, and when.</param>
internal sealed record RunView(
    RunDetail Run, Timeline Timeline, int First, int Count, string Step, string? Done, string? Problem, PageContext Page)
{
    public string Url(int? first = null, int? attempt = null, string? step = null, bool? fit = null)
    {
        (string Name, string Value)[] parts =
        [
            ("from", (first ?? First) is > 0 and var from ? from.ToString(System.Globalization.CultureInfo.InvariantCulture) : ""),
            ("attempt", (attempt ?? Timeline.Zoom) is > 0 and var zoom
                ? zoom.ToString(System.Globalization.CultureInfo.InvariantCulture)
                : ""),
            ("fit", fit ?? Timeline.IsFitted ? "1" : ""),
            ("step", step ?? Step),
        ];
        var query = string.Join('&',
            parts.Where(part => part.Value.Length > 0).Select(part => $"{part.Name}={Uri.EscapeDataString(part.Value)}"));
        return $"/runs/{Run.Run.Id}" + (query.Length == 0 ? "" : $"?{query}");
    }
}
