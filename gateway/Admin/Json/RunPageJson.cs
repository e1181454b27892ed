namespace DurableGateway.Admin.Json;

internal sealed record RunPageJson(IReadOnlyList<RunJson> Runs, string? Next);
