namespace DurableGateway.Runs;

/// <summary>One action on all runs that a filter selects, with its progress.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Verb">The action.</param>
/// <param name="Filter">The filter of runs, in the format of the admin API.</param>
/// <param name="Who">The operator.</param>
/// <param name="StartedAt">When it began.</param>
internal sealed record BulkAction(Guid Id, string Verb, ReadOnlyMemory<byte> Filter, string Who, DateTimeOffset StartedAt)
{
    /// <summary>The prefix of its outbox entry.</summary>
    public const string Prefix = "a:";

    public BulkActionState State { get; init; }

    /// <summary>The cursor of the next page of runs; empty for the first page.</summary>
    public string Cursor { get; init; } = "";

    public int Done { get; init; }
    public int Refused { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
    public string? Problem { get; init; }

    public bool IsUnderWay => State is BulkActionState.Running or BulkActionState.Stopping;
}
