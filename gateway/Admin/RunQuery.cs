using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <summary>The filters of a list of runs. A filter that is <see langword="null"/> matches every run.</summary>
internal sealed record RunQuery
{
    public RunState? State { get; init; }

    /// <summary>Matches only runs that are paused, and have not ended.</summary>
    public bool Paused { get; init; }

    public string? Route { get; init; }
    public DateTimeOffset? After { get; init; }
    public DateTimeOffset? Before { get; init; }

    /// <summary>Matches runs that have or had a step of this name.</summary>
    public string? Step { get; init; }

    /// <summary>
    /// A run id or its beginning (eight digits or more), an idempotency key, or the value of a header of
    /// <c>Durable:Admin:SearchHeaders</c>.
    /// </summary>
    public string? Search { get; init; }

    /// <summary>The cursor of the page, from <see cref="RunPage.Next"/>.</summary>
    public string? Cursor { get; init; }

    /// <summary>The maximum of runs on the page, 1 to 200.</summary>
    public int Limit { get; init; } = 50;
}
