namespace DurableGateway.Runs;

/// <summary>An action on all runs that a filter names, and how far it is.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Verb">What is done.</param>
/// <param name="Filter">Which runs are meant, as the admin API writes it.</param>
/// <param name="Who">Who wants it.</param>
/// <param name="StartedAt">Since when.</param>
internal sealed record BulkAction(Guid Id, string Verb, ReadOnlyMemory<byte> Filter, string Who, DateTimeOffset StartedAt)
{
    /// <summary>What the entry in a due-queue begins with.</summary>
    public const string Prefix = "a:";

    public BulkActionState State { get; init; }

    /// <summary>Where the next page of runs begins; empty for the first.</summary>
    public string Cursor { get; init; } = "";

    public int Done { get; init; }
    public int Refused { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
    public string? Problem { get; init; }

    public bool IsUnderWay => State is BulkActionState.Running or BulkActionState.Stopping;
}
