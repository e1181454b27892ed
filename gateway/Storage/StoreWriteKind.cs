namespace DurableGateway.Storage;

/// <summary>What a write asks of a store whose room is limited.</summary>
internal enum StoreWriteKind
{
    /// <summary>A run that nobody has been promised yet.</summary>
    NewRun,

    /// <summary>A checkpoint, an event or a result: what a run needs to go on to its end.</summary>
    RunUnderWay,
}
