namespace DurableGateway.Steps;

/// <summary>The handler has another route's service called, as a run of its own.</summary>
internal sealed record InvokeStepCall(string Id, string Method, string Target, string? ContentType) : StepCall(Id, "invoke");
