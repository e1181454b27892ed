using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <summary>Filters; those that are <see langword="null"/> let everything pass.</summary>
internal sealed record RunQuery
{
    public RunState? State { get; init; }
    public string? Route { get; init; }
    public DateTimeOffset? After { get; init; }
    public DateTimeOffset? Before { get; init; }

    /// <summary>Runs that have (had) a step of this name.</summary>
    public string? Step { get; init; }

    /// <summary>
    /// A run id or its beginning (eight digits or more), an idempotency key, or the value of a header of
    /// <c>Durable:Admin:SearchHeaders</c>.
    /// </summary>
    public string? Search { get; init; }

    /// <summary>From <see cref="RunPage.Next"/>.</summary>
    public string? Cursor { get; init; }

    /// <summary>1 to 200.</summary>
    public int Limit { get; init; } = 50;
}
