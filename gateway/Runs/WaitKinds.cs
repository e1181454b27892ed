namespace DurableGateway.Runs;

internal static class WaitKinds
{
    /// <summary>The <c>Durable-Step-Type</c> of the contract (§3).</summary>
    public static string Name(this WaitKind kind) => kind switch
    {
        WaitKind.Event => "wait",
        WaitKind.Callback => "callback",
        _ => "invoke",
    };
}
