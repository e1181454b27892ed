namespace DurableGateway.Egress;

/// <summary>What is known about a call of an attempt.</summary>
internal abstract record CallMatch
{
    /// <summary>The call was made, and this is its outcome.</summary>
    internal sealed record Remembered(CallSlot Slot) : CallMatch;

    /// <summary>The call is to be made.</summary>
    internal sealed record New(CallSlot Slot) : CallMatch;

    /// <summary>The same call is in flight for a caller that has gone.</summary>
    internal sealed record InFlight : CallMatch;

    /// <summary>A call that is alike is in flight, and its caller is there.</summary>
    internal sealed record AlikeInFlight : CallMatch;

    /// <summary>Another body was sent to the same target, and its outcome is left.</summary>
    internal sealed record Drift(CallSlot Slot) : CallMatch;
}
