namespace DurableGateway.Runs;

/// <summary>The state in which a run is first stored.</summary>
internal abstract record FirstWrite
{
    /// <summary>Its first attempt is in flight.</summary>
    public sealed record Running : FirstWrite
    {
        public static Running Instance { get; } = new();
    }

    /// <summary>Its first attempt is in flight and reports on a step.</summary>
    /// <param name="Report">The report.</param>
    public sealed record WithStep(StepReport Report) : FirstWrite
    {
        /// <summary>The answer to the report, if the write made it.</summary>
        public StepAnswer? Answer { get; set; }
    }

    /// <summary>Its first attempt has not begun and is due at a time.</summary>
    public sealed record Due(DateTimeOffset At) : FirstWrite;

    /// <summary>Its first attempt has failed.</summary>
    /// <param name="NextAttempt">When the next attempt is due.</param>
    /// <param name="Note">The note for the run's history.</param>
    /// <param name="Counts">Whether the failure counts.</param>
    /// <param name="UnreachableSince">When the service became unreachable, if that is the reason.</param>
    public sealed record Failed(DateTimeOffset NextAttempt, AttemptNote Note, bool Counts, DateTimeOffset? UnreachableSince) : FirstWrite;
}
