namespace DurableGateway.Runs;

internal enum StepVerdict
{
    /// <summary>This call stored the outcome.</summary>
    Created,

    /// <summary>The next try is scheduled.</summary>
    Scheduled,

    /// <summary>The step already has an outcome.</summary>
    Stored,

    /// <summary>The number of failed tries is not the one that the caller assumed.</summary>
    Recount,
    TooMany,

    /// <summary>The step was begun as another type of step.</summary>
    OtherKind,

    /// <summary>The step would end after the run's deadline.</summary>
    BeyondDeadline,
    Ended,
    Superseded,
    Unknown,
}
