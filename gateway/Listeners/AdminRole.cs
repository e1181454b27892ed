namespace DurableGateway.Listeners;

/// <summary>What a caller may do at the control listener.</summary>
internal enum AdminRole
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>May read runs, but not change them.</summary>
    Reader,

    /// <summary>May read runs and act on them.</summary>
    Operator,
}
