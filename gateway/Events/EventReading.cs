using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Events;

/// <summary>The result of reading a request: an event and its <c>source</c>, or a problem.</summary>
internal readonly record struct EventReading(StoredEvent? Event, string Source, Problem? Problem);
