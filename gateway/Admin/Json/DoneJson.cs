namespace DurableGateway.Admin.Json;

/// <summary>The result of an action, with the id of the new run if the action started one.</summary>
internal sealed record DoneJson(bool Done, string? NewRun);
