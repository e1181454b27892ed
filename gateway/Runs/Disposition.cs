namespace DurableGateway.Runs;

/// <summary>What is to be done with a run when the call of one of its attempts is over. <see cref="AttemptEvidence"/> decides it.</summary>
internal enum Disposition
{
    /// <summary>There is no run: the request never arrived whole.</summary>
    Discard,

    /// <summary>There is no run: the request is larger than the route takes, and the client is told so.</summary>
    RefuseRequest,

    /// <summary>The run is cancelled: the client has left a conversation.</summary>
    Cancel,

    /// <summary>Another attempt owns the run: nothing is written.</summary>
    LeaveToOther,

    /// <summary>The request is sent again at once, without outcomes in its headers.</summary>
    ResendWithoutSteps,

    /// <summary>The run has failed: another attempt would get the same, which cannot be the result.</summary>
    EndWithProblem,

    /// <summary>The run has completed, and the response is its result.</summary>
    Complete,

    /// <summary>The run has failed for good, and the response is its result.</summary>
    EndWithResponse,

    /// <summary>The run waits for its pending steps.</summary>
    Suspend,

    /// <summary>The attempt has failed: the run is tried again, or ends where this was the last try.</summary>
    Retry,

    /// <summary>The attempt is not held against the service: the run is due at once, here or on another node.</summary>
    HandBack,

    /// <summary>The attempt is not held against the service, because the store was away: the run is due after a pause.</summary>
    HandBackLater,
}
