using System.Globalization;
using DurableGateway.Admin.Json;
using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <summary>Reads the filters of a list and the names of actions.</summary>
internal static class AdminQuery
{
    /// <summary>Selects runs that are paused, which are waiting or running in the store.</summary>
    public const string PausedName = "paused";

    private static readonly string[] Known = ["state", "route", "after", "before", "step", "search", "cursor", "limit"];

    /// <exception cref="FormatException">A filter is unknown or malformed.</exception>
    public static void RefuseUnknown(IQueryCollection query)
    {
        if (query.Keys.FirstOrDefault(key => !Known.Contains(key, StringComparer.Ordinal)) is { } unknown)
            throw new FormatException($"There is no filter '{unknown}'. The filters are {string.Join(", ", Known)}.");
    }

    /// <exception cref="FormatException">A filter is malformed.</exception>
    public static RunQuery Read(FilterJson filter, string? cursor = null, string? limit = null) => new()
    {
        Paused = filter.State == PausedName,
        State = Empty(filter.State) is not { } name || name == PausedName ? null
            : RunStates.TryParse(name, out var state) ? state
            : throw new FormatException($"state '{name}' is not one of running, waiting, paused, completed, failed, cancelled."),
        Route = Empty(filter.Route),
        After = Time("after", filter.After),
        Before = Time("before", filter.Before),
        Step = Empty(filter.Step),
        Search = Empty(filter.Search),
        Cursor = Empty(cursor),
        Limit = Limit(limit),
    };

    /// <exception cref="FormatException">The limit is not a whole number from 1 to 200.</exception>
    public static int Limit(string? limit) => Empty(limit) is not { } text ? 50
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= 200 ? number
        : throw new FormatException($"limit '{text}' is not a whole number from 1 to 200.");

    /// <summary>The action of a name, if the action has no parameters; otherwise <see langword="null"/>.</summary>
    public static RunAction? Action(string name) => name switch
    {
        "retry" => new RunAction.Retry(),
        "cancel" => new RunAction.Cancel(),
        "pause" => new RunAction.Pause(),
        "resume" => new RunAction.Resume(),
        "again" => new RunAction.RunAgain(),
        "release-key" => new RunAction.ReleaseKey(),
        _ => null,
    };

    private static DateTimeOffset? Time(string name, string? text) => Empty(text) is not { } given ? null
        : DateTimeOffset.TryParse(given, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time
        : throw new FormatException($"{name} '{given}' is not a time (RFC 3339) such as 2026-03-01T12:00:00Z.");

    private static string? Empty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
