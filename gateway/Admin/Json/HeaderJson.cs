namespace DurableGateway.Admin.Json;

internal sealed record HeaderJson(string Name, string Value);
