namespace DurableGateway.Runs;

/// <summary>What happens to a run after the call of an attempt. <see cref="AttemptEvidence"/> decides it.</summary>
internal enum Disposition
{
    /// <summary>There is no run: the request did not arrive completely.</summary>
    Discard,

    /// <summary>There is no run: the request exceeds the limit of the route, and the client gets an error.</summary>
    RefuseRequest,

    /// <summary>The run is cancelled: the client has left a conversation.</summary>
    Cancel,

    /// <summary>Another attempt owns the run. Nothing is written.</summary>
    LeaveToOther,

    /// <summary>The request is sent again immediately, without inlined outcomes.</summary>
    ResendWithoutSteps,

    /// <summary>The run has failed with a problem: another attempt would get the same response, which cannot be the result.</summary>
    EndWithProblem,

    /// <summary>The run has completed, and the response is its result.</summary>
    Complete,

    /// <summary>The run has failed permanently, and the response is its result.</summary>
    EndWithResponse,

    /// <summary>The run waits for its pending steps.</summary>
    Suspend,

    /// <summary>The attempt has failed. The run is tried again, or ends if this was the last try.</summary>
    Retry,

    /// <summary>The attempt does not count as a failure. The run is due immediately, on this or another node.</summary>
    HandBack,

    /// <summary>The attempt does not count as a failure, because the store was unavailable. The run is due after a pause.</summary>
    HandBackLater,
}
