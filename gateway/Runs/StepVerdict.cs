namespace DurableGateway.Runs;

internal enum StepVerdict
{
    /// <summary>Stored by this call.</summary>
    Created,

    /// <summary>The next try is scheduled.</summary>
    Scheduled,

    /// <summary>An outcome was there already.</summary>
    Stored,

    /// <summary>The failed tries are not what the caller reckoned with.</summary>
    Recount,
    TooMany,

    /// <summary>The step was begun as another kind of step.</summary>
    OtherKind,

    /// <summary>The step would be over when the run has to have ended.</summary>
    BeyondDeadline,
    Ended,
    Superseded,
    Unknown,
}
