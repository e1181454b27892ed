namespace DurableGateway.Admin.Json;

internal sealed record BulkActionsJson(IReadOnlyList<ProgressJson> Actions);
