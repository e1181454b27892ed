namespace DurableGateway.Protocol;

/// <summary>The header names of the protocol, version 1.</summary>
internal static class DurableHeaders
{
    /// <summary>The prefix of the protocol's headers. Clients may not send headers with it.</summary>
    public const string Prefix = "Durable-";

    public const string ProtocolVersion = "1";

    // Gateway → service (§2).
    public const string Protocol = "Durable-Protocol";
    public const string RunId = "Durable-Run-Id";
    public const string Attempt = "Durable-Attempt";
    public const string Callback = "Durable-Callback";
    public const string Token = "Durable-Token";
    public const string StepCount = "Durable-Step-Count";
    public const string Steps = "Durable-Steps";
    public const string FinalAttempt = "Durable-Final-Attempt";
    public const string IdempotencyKey = "Idempotency-Key";

    // Service → gateway (§3, §4).
    public const string StepType = "Durable-Step-Type";
    public const string StepOutcome = "Durable-Step-Outcome";
    public const string StepDuration = "Durable-Step-Duration";
    public const string StepFor = "Durable-Step-For";
    public const string StepUntil = "Durable-Step-Until";
    public const string StepTimeout = "Durable-Step-Timeout";
    public const string StepRetry = "Durable-Step-Retry";
    public const string Execution = "Durable-Execution";
    public const string EventType = "Durable-Event-Type";
    public const string EventKey = "Durable-Event-Key";
    public const string EventLookback = "Durable-Event-Lookback";
    public const string CallbackUrl = "Durable-Callback-Url";
    public const string InvokePath = "Durable-Invoke-Path";
    public const string InvokeMethod = "Durable-Invoke-Method";
    public const string Suspended = "Durable-Suspended";
    public const string Retry = "Durable-Retry";
    public const string Stream = "Durable-Stream";
    public const string Mismatch = "Durable-Mismatch";
    public const string Build = "Durable-Build";

    // Service → egress listener.
    public const string EgressToken = "Durable-Egress-Token";

    /// <summary>From one node to another only: the call has come from a node.</summary>
    public const string EgressForwarded = "Durable-Egress-Forwarded";

    /// <summary>From one node to another only: the host and port of a target that was in absolute form.</summary>
    public const string EgressTarget = "Durable-Egress-Target";
    public const string InStep = "Durable-In-Step";

    // Gateway → client (§5).
    public const string Status = "Durable-Status";
    public const string Result = "Durable-Result";
    public const string Prefer = "Prefer";
    public const string PreferenceApplied = "Preference-Applied";
    public const string IdempotentReplayed = "Idempotent-Replayed";
}
