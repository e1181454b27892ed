namespace DurableGateway.Runs;

/// <summary>Why the gateway interrupted an attempt that owned its run.</summary>
internal enum AttemptInterrupt
{
    None,
    TimedOut,
    ResponseTooLarge,
    Shutdown,

    /// <summary>The client has left a conversation, which ends the run. Other runs continue without their client.</summary>
    ClientGone,
}
