namespace DurableGateway.Runs;

/// <summary>The kind of a notice.</summary>
internal enum NoticeKind
{
    /// <summary>A run failed permanently.</summary>
    Failed = 'f',

    /// <summary>A run is stuck: it has only failed for a long time, and the gateway continues to try it.</summary>
    Stuck = 's',

    /// <summary>A run's stored steps no longer fit the handler.</summary>
    Mismatch = 'm',
}
