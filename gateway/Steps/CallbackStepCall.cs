namespace DurableGateway.Steps;

/// <summary>The handler waits for a third party's POST.</summary>
internal sealed record CallbackStepCall(string Id, TimeSpan? Timeout) : StepCall(Id, "callback");
