namespace DurableGateway.Admin.Json;

internal sealed record BulkActionJson(string Action, FilterJson? Filter);
