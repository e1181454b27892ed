namespace DurableGateway.Client;

/// <summary>The types of steps (§3 of the wire contract).</summary>
internal static class StepTypes
{
    public const string Run = "run";
    public const string Sleep = "sleep";
    public const string Wait = "wait";
    public const string Callback = "callback";
    public const string Invoke = "invoke";
}
