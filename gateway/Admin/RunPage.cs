namespace DurableGateway.Admin;

internal sealed record RunPage(IReadOnlyList<RunRow> Runs, string? Next);
