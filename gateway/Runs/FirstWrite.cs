namespace DurableGateway.Runs;

/// <summary>In which state a run is first written.</summary>
internal abstract record FirstWrite
{
    /// <summary>Its first attempt is in flight.</summary>
    public sealed record Running : FirstWrite
    {
        public static Running Instance { get; } = new();
    }

    /// <summary>Its first attempt has not begun, and is due at a time.</summary>
    public sealed record Due(DateTimeOffset At) : FirstWrite;

    /// <summary>Its first attempt has failed.</summary>
    /// <param name="NextAttempt">When the next attempt is due.</param>
    /// <param name="Note">For the run's history.</param>
    /// <param name="Counts">Whether the failure counts.</param>
    /// <param name="UnreachableSince">Since when the service cannot be reached, where that is why.</param>
    public sealed record Failed(DateTimeOffset NextAttempt, AttemptNote Note, bool Counts, DateTimeOffset? UnreachableSince) : FirstWrite;
}
