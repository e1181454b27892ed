using DurableGateway.Protocol;

namespace DurableGateway.Storage;

/// <summary>A place in a list of runs: the start and the id of the last listed run.</summary>
internal readonly record struct RunPlace(long Started, RunId Id);
