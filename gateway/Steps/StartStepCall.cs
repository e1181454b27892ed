namespace DurableGateway.Steps;

/// <summary>The handler is about to execute a step that must not be executed twice.</summary>
/// <param name="Id">The id of the step.</param>
/// <param name="Execution">The id of the handler's execution, if the service sends one; otherwise empty.</param>
internal sealed record StartStepCall(string Id, string Execution) : StepCall(Id, "run");
