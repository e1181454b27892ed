namespace DurableGateway.Admin.Json;

/// <summary>A request or a response without its body, which is at <c>…/body</c>.</summary>
internal sealed record MessageJson(string? Method, string? Target, int? Status, IReadOnlyList<HeaderJson> Headers, int BodyBytes);
