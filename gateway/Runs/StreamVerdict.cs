namespace DurableGateway.Runs;

/// <summary>What became of events that were to be kept.</summary>
internal enum StreamVerdict
{
    Kept,

    /// <summary>The stream is larger than it may be.</summary>
    Full,

    /// <summary>The attempt no longer owns the run.</summary>
    Lost,
}
