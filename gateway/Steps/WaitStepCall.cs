using DurableGateway.Runs;

namespace DurableGateway.Steps;

/// <summary>The handler waits for an event.</summary>
internal sealed record WaitStepCall(string Id, Topic Topic, TimeSpan? Timeout, TimeSpan? Lookback) : StepCall(Id, "wait");
