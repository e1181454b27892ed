namespace DurableGateway.Runs;

/// <summary>What happens to a run whose stored steps no longer fit the handler (§4, <c>Durable-Mismatch</c>).</summary>
internal enum MismatchHandling
{
    /// <summary>The run continues, and its history records the mismatch.</summary>
    Continue,

    /// <summary>The run fails permanently.</summary>
    Fail,
}
