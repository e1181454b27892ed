namespace DurableGateway.Admin.Json;

/// <summary>The body of <c>from-step</c> and <c>edit-step</c>: the step and its new outcome in base64.</summary>
internal sealed record StepActionJson(string Step, bool Failed = false, string? ContentType = null, string? Body = null);
