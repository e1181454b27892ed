namespace DurableGateway.Runs;

/// <summary>Why an attempt was ended from outside while it held its run.</summary>
internal enum AttemptInterrupt
{
    None,
    TimedOut,
    ResponseTooLarge,
    Shutdown,

    /// <summary>The client has left a conversation, which is over thereby; any other run goes on.</summary>
    ClientGone,
}
