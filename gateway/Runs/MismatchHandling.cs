namespace DurableGateway.Runs;

/// <summary>What becomes of a run whose stored steps do not fit the handler any more (§4, <c>Durable-Mismatch</c>).</summary>
internal enum MismatchHandling
{
    /// <summary>It goes on, and its record says so.</summary>
    Continue,

    /// <summary>It fails for good.</summary>
    Fail,
}
