namespace DurableGateway.Runs;

/// <summary>The result of storing events of a stream.</summary>
internal enum StreamVerdict
{
    Kept,

    /// <summary>The stream exceeds its maximum size.</summary>
    Full,

    /// <summary>The attempt no longer owns the run.</summary>
    Lost,
}
