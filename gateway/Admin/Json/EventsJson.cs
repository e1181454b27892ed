namespace DurableGateway.Admin.Json;

internal sealed record EventsJson(IReadOnlyList<EventJson> Events);
