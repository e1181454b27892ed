namespace DurableGateway.Runs;

/// <summary>What operators are told of by themselves.</summary>
internal enum NoticeKind
{
    /// <summary>A run failed for good.</summary>
    Failed = 'f',

    /// <summary>A run has done nothing but fail for long, and goes on being tried.</summary>
    Stuck = 's',

    /// <summary>A run's stored steps do not fit the handler any more.</summary>
    Mismatch = 'm',
}
