namespace DurableGateway.Admin.Json;

internal sealed record DestinationJson(string Address, string Health);
