namespace DurableGateway.Runs;

internal enum DeliveryVerdict
{
    /// <summary>This call completed the step.</summary>
    Woken,

    /// <summary>Another step of the run has taken this event.</summary>
    Used,

    /// <summary>The step already has an outcome.</summary>
    Done,

    /// <summary>The wait has expired.</summary>
    Late,

    /// <summary>The run has no step that waits for this kind of delivery.</summary>
    Nobody,
    Ended,
    Unknown,
}
