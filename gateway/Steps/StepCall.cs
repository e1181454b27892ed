namespace DurableGateway.Steps;

/// <summary>The content of a <c>PUT …/steps/{step}</c> (§3).</summary>
/// <param name="Id">The id of the step.</param>
/// <param name="Type">Its <c>Durable-Step-Type</c>.</param>
internal abstract record StepCall(string Id, string Type);
