namespace DurableGateway.Runs;

/// <summary>How much of a message arrived.</summary>
internal enum Arrival
{
    /// <summary>Nothing that counts.</summary>
    None,

    /// <summary>The head, and the rest is not wanted.</summary>
    Head,

    /// <summary>All of it.</summary>
    Whole,
}
