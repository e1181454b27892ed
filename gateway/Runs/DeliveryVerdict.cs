namespace DurableGateway.Runs;

internal enum DeliveryVerdict
{
    /// <summary>The step is complete, by this call.</summary>
    Woken,

    /// <summary>The run has taken this event with another of its steps.</summary>
    Used,

    /// <summary>The step has an outcome already.</summary>
    Done,

    /// <summary>The step has given up.</summary>
    Late,

    /// <summary>No such step waits for such a thing.</summary>
    Nobody,
    Ended,
    Unknown,
}
