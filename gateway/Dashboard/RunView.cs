using DurableGateway.Admin;

namespace DurableGateway.Dashboard;

/// <summary>A run and the view settings in the query of its page.</summary>
/// <param name="Run">The run.</param>
/// <param name="Timeline">Its waterfall.</param>
/// <param name="First">The index of the first step shown.</param>
/// <param name="Count">The number of steps shown.</param>
/// <param name="Step">The id of the open step; empty if none is open.</param>
/// <param name="Done">The message of the last action.</param>
/// <param name="Problem">Why the last action failed.</param>
/// <param name="Page">The context of the page.</param>
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
