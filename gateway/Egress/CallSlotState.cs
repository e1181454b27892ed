namespace DurableGateway.Egress;

internal enum CallSlotState
{
    /// <summary>No outcome is known. The next call that is alike is made in its place.</summary>
    Free,

    /// <summary>The call is being made.</summary>
    InFlight,

    /// <summary>The call is being made, and its caller has gone. The next call that is alike waits for its outcome.</summary>
    Abandoned,

    /// <summary>The outcome is remembered, and no call of this attempt has got it.</summary>
    Left,

    /// <summary>A call of this attempt has got the outcome.</summary>
    Used,
}
