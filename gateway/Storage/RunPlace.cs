using DurableGateway.Protocol;

namespace DurableGateway.Storage;

/// <summary>A place in a list of runs: the start of the last one that was listed, and its id.</summary>
internal readonly record struct RunPlace(long Started, RunId Id);
