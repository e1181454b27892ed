namespace DurableGateway.Http;

/// <summary>How many runs an event has woken (§6).</summary>
internal sealed record WokenJson(int Woken);
