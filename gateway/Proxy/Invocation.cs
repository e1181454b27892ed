using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>On a request that a step of a run invokes: which run it is to be, and what became of it.</summary>
internal sealed class Invocation(RunId id, Invoker invoker, ReadOnlyMemory<byte> body, bool onlyLook)
{
    public RunId Id => id;
    public Invoker Invoker => invoker;
    public ReadOnlyMemory<byte> Body => body;

    /// <summary>Whether there is such a route is asked before the step waits; only then is the run begun.</summary>
    public bool OnlyLook => onlyLook;

    /// <summary>The policy of the route that took it; <see langword="null"/> where no durable route did.</summary>
    public RunPolicy? Policy { get; set; }

    /// <summary>It is stored, now or before.</summary>
    public bool IsBegun { get; set; }

    /// <summary>It was stored before, and may have ended since.</summary>
    public bool IsKnown { get; set; }
}
