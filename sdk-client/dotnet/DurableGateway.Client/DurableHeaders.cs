namespace DurableGateway.Client;

/// <summary>Names of the wire contract.</summary>
internal static class DurableHeaders
{
    public const string Protocol = "Durable-Protocol";
    public const string RunId = "Durable-Run-Id";
    public const string Attempt = "Durable-Attempt";
    public const string Callback = "Durable-Callback";
    public const string Token = "Durable-Token";
    public const string Execution = "Durable-Execution";
    public const string StepCount = "Durable-Step-Count";
    public const string Steps = "Durable-Steps";
    public const string StepOutcome = "Durable-Step-Outcome";
    public const string StepType = "Durable-Step-Type";
    public const string StepFor = "Durable-Step-For";
    public const string StepUntil = "Durable-Step-Until";
    public const string StepDuration = "Durable-Step-Duration";
    public const string Retry = "Durable-Retry";
    public const string Suspended = "Durable-Suspended";
    public const string FinalAttempt = "Durable-Final-Attempt";
    public const string Build = "Durable-Build";
    public const string Mismatch = "Durable-Mismatch";
    public const string StepRetry = "Durable-Step-Retry";
    public const string StepTimeout = "Durable-Step-Timeout";
    public const string EventType = "Durable-Event-Type";
    public const string EventKey = "Durable-Event-Key";
    public const string EventLookback = "Durable-Event-Lookback";
    public const string CallbackUrl = "Durable-Callback-Url";
    public const string InvokePath = "Durable-Invoke-Path";
    public const string InvokeMethod = "Durable-Invoke-Method";
    public const string EgressToken = "Durable-Egress-Token";
    public const string InStep = "Durable-In-Step";
    public const string Result = "Durable-Result";
    public const string Status = "Durable-Status";
    public const string IdempotencyKey = "Idempotency-Key";
}
