namespace DurableGateway.Steps;

/// <summary>A piece of the handler that is about to be executed, and must not be a second time.</summary>
/// <param name="Id">The step.</param>
/// <param name="Execution">The execution of the handler, where the service tells them apart; else empty.</param>
internal sealed record StartStepCall(string Id, string Execution) : StepCall(Id, "run");
