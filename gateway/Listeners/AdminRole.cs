namespace DurableGateway.Listeners;

/// <summary>What who comes to the control listener may do there.</summary>
internal enum AdminRole
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>See runs, and change nothing.</summary>
    Reader,

    /// <summary>See and act.</summary>
    Operator,
}
