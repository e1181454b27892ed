using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>A feature of a request that a step of a run invokes: the id of the run to create, and what happened to the request.</summary>
internal sealed class Invocation(RunId id, Invoker invoker, ReadOnlyMemory<byte> body, bool onlyLook)
{
    public RunId Id => id;
    public Invoker Invoker => invoker;
    public ReadOnlyMemory<byte> Body => body;

    /// <summary>Only checks whether the route exists. The check runs before the step waits; the run begins after that.</summary>
    public bool OnlyLook => onlyLook;

    /// <summary>The policy of the route that matched; <see langword="null"/> if no durable route did.</summary>
    public RunPolicy? Policy { get; set; }

    /// <summary>The run is stored, now or earlier.</summary>
    public bool IsBegun { get; set; }

    /// <summary>The run was already stored, and may have ended since.</summary>
    public bool IsKnown { get; set; }
}
