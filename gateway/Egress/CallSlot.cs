using DurableGateway.Http;

namespace DurableGateway.Egress;

/// <summary>The place of a call among the calls of an attempt. Only <see cref="CallLedger"/> changes it, under its lock.</summary>
internal sealed class CallSlot(string id, string digest, int number, int alike)
{
    /// <summary>The id of the step.</summary>
    public string Id => id;

    public string Digest => digest;

    /// <summary>The number among the calls of the run with the same target.</summary>
    public int Number => number;

    /// <summary>The number among those that are alike.</summary>
    public int Alike => alike;

    public CallSlotState State { get; set; }

    /// <summary>Whether an earlier attempt made the call.</summary>
    public bool IsOfEarlierAttempt { get; init; }

    public RememberedCall? Outcome { get; set; }
}
