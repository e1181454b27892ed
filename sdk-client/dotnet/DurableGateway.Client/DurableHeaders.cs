namespace DurableGateway.Client;

/// <summary>Names of the wire contract.</summary>
internal static class DurableHeaders
{
    public const string Protocol = "Durable-Protocol";
    public const string RunId = "Durable-Run-Id";
    public const string Attempt = "Durable-Attempt";
    public const string Callback = "Durable-Callback";
    public const string Token = "Durable-Token";
    public const string StepCount = "Durable-Step-Count";
    public const string Steps = "Durable-Steps";
    public const string StepOutcome = "Durable-Step-Outcome";
    public const string StepType = "Durable-Step-Type";
    public const string StepFor = "Durable-Step-For";
    public const string StepUntil = "Durable-Step-Until";
    public const string StepDuration = "Durable-Step-Duration";
    public const string Retry = "Durable-Retry";
    public const string Suspended = "Durable-Suspended";
}
