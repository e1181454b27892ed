namespace DurableGateway.Http;

/// <summary>How many runs an event woke (§6).</summary>
internal sealed record WokenJson(int Woken);
