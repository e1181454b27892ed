namespace DurableGateway.Admin.Json;

/// <summary>What was done; the id of the run that has begun, where one has.</summary>
internal sealed record DoneJson(bool Done, string? NewRun);
