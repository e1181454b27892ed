namespace DurableGateway.Runs;

/// <summary>What a step can wait for. The letters are those of the store.</summary>
internal enum WaitKind
{
    Event = 'e',
    Callback = 'c',
    Invocation = 'i',
}
