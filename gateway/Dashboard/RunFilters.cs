using System.Globalization;
using DurableGateway.Admin;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>The filters of the list of runs. They are in its URL, so that a view can be bookmarked and shared.</summary>
internal sealed record RunFilters
{
    public const string Path = "/runs";

    private const string TimeForm = "yyyy-MM-dd'T'HH:mm";

    public static IReadOnlyList<(string Name, string Text, TimeSpan Length)> Spans { get; } =
    [
        ("15m", "last 15 minutes", TimeSpan.FromMinutes(15)),
        ("1h", "last hour", TimeSpan.FromHours(1)),
        ("1d", "last day", TimeSpan.FromDays(1)),
        ("7d", "last week", TimeSpan.FromDays(7)),
    ];

    public string State { get; init; } = "";
    public string Route { get; init; } = "";
    public string Since { get; init; } = "";
    public string After { get; init; } = "";
    public string Before { get; init; } = "";
    public string Step { get; init; } = "";
    public string Search { get; init; } = "";
    public string Cursor { get; init; } = "";

    /// <summary>Whether any filter is set.</summary>
    public bool AreSet => Url() != Path;

    public bool HasKnownState => State.Length == 0 || State == AdminQuery.PausedName || RunStates.TryParse(State, out _);

    public bool HasMore => After.Length + Before.Length + Step.Length > 0;

    public static RunFilters Read(IQueryCollection query) => Read(name => query[name].ToString().Trim());

    public static RunFilters Read(IFormCollection form) => Read(name => form[name].ToString().Trim());

    private static RunFilters Read(Func<string, string> text) => new()
    {
        State = text("state"),
        Route = text("route"),
        Since = Spans.Any(span => span.Name == text("since")) ? text("since") : "",
        After = Time(text("after")) is { } after ? after.ToString(TimeForm, CultureInfo.InvariantCulture) : "",
        Before = Time(text("before")) is { } before ? before.ToString(TimeForm, CultureInfo.InvariantCulture) : "",
        Step = text("step"),
        Search = text("q"),
        Cursor = text("cursor"),
    };

    /// <exception cref="FormatException">There is no such state.</exception>
    public RunQuery ToQuery(DateTimeOffset now, int limit) => new()
    {
        Paused = State == AdminQuery.PausedName,
        State = State.Length == 0 || State == AdminQuery.PausedName ? null
            : RunStates.TryParse(State, out var state) ? state
            : throw new FormatException($"There is no state '{State}'."),
        Route = Or(Route),
        After = Time(After)
            ?? Spans.Where(span => span.Name == Since).Select(span => (DateTimeOffset?)(now - span.Length)).FirstOrDefault(),
        Before = Time(Before),
        Step = Or(Step),
        Search = Or(Search),
        Cursor = Or(Cursor),
        Limit = limit,
    };

    /// <summary>The address of the list with these filters and cursor.</summary>
    public string Url()
    {
        var query = string.Join('&', Fields().Select(field => $"{field.Name}={Uri.EscapeDataString(field.Value)}"));
        return query.Length == 0 ? Path : $"{Path}?{query}";
    }

    /// <summary>The filters that are set, by their names in addresses and forms.</summary>
    public IEnumerable<(string Name, string Value)> Fields() => new[]
    {
        ("state", State), ("route", Route), ("since", Since), ("after", After), ("before", Before), ("step", Step),
        ("q", Search), ("cursor", Cursor),
    }.Where(field => field.Item2.Length > 0);

    /// <summary>The filters as text for operators.</summary>
    public string Describe() => string.Join(", ", Fields().Where(field => field.Name != "cursor").Select(field => field.Name switch
    {
        "state" => State,
        "route" => $"route {Route}",
        "since" => Spans.First(span => span.Name == Since).Text,
        "after" => $"after {After.Replace('T', ' ')}",
        "before" => $"before {Before.Replace('T', ' ')}",
        "step" => $"step {Step}",
        _ => $"“{Search}”",
    }));

    private static string? Or(string text) => text.Length == 0 ? null : text;

    private static DateTimeOffset? Time(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? time
            : null;
}
