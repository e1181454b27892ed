using DurableGateway.Protocol;

namespace DurableGateway.Telemetry;

/// <summary>The identity of a run in spans and metrics.</summary>
internal readonly record struct RunIdentity(RunId Id, string Route, string Policy);
