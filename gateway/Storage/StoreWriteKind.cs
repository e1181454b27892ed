namespace DurableGateway.Storage;

/// <summary>The kind of a write, which decides the limit of the embedded store that applies.</summary>
internal enum StoreWriteKind
{
    /// <summary>A new run.</summary>
    NewRun,

    /// <summary>A checkpoint, an event or a result, which existing runs need in order to end.</summary>
    RunUnderWay,
}
