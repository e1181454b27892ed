namespace DurableGateway.Steps;

/// <summary>A <c>PUT …/steps/{step}</c> as its headers describe it (§3).</summary>
/// <param name="Id">The step.</param>
/// <param name="Type">Its <c>Durable-Step-Type</c>.</param>
internal abstract record StepCall(string Id, string Type);
