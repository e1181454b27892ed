namespace DurableGateway.Runs;

/// <summary>How much of a message arrived.</summary>
internal enum Arrival
{
    /// <summary>Nothing usable.</summary>
    None,

    /// <summary>The head. The rest is not needed.</summary>
    Head,

    /// <summary>The whole message.</summary>
    Whole,
}
