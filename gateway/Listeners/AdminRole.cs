namespace DurableGateway.Listeners;

/// <summary>What a caller may do at the control listener.</summary>
internal enum AdminRole
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>See runs, and change nothing.</summary>
    Reader,

    /// <summary>See and act.</summary>
    Operator,
}
