namespace DurableGateway.Steps;

/// <summary>The handler invokes another route as a separate run.</summary>
internal sealed record InvokeStepCall(string Id, string Method, string Target, string? ContentType) : StepCall(Id, "invoke");
