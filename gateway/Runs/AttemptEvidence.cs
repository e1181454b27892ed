namespace DurableGateway.Runs;

/// <summary>
/// The facts about an attempt when its call is over. Only this class derives the disposition from them, for live attempts and replays.
/// </summary>
internal readonly record struct AttemptEvidence
{
    public RequestFault Request { get; init; }

    /// <summary>Whether the run is in the store, or may be.</summary>
    public bool MayBeStored { get; init; }

    /// <summary>Whether another attempt owns the run, or the run has ended.</summary>
    public bool IsLost { get; init; }

    public AttemptInterrupt Interrupted { get; init; }

    /// <summary>The outcome that the head of the response states; <see langword="null"/> if no head arrived.</summary>
    public AttemptOutcome? Outcome { get; init; }

    /// <summary>How much of the response arrived. For a live attempt that failed or is suspended, the head is sufficient.</summary>
    public Arrival Response { get; init; }

    /// <summary>Whether the service aborted its response.</summary>
    public bool ServiceBroke { get; init; }

    /// <summary>Whether the service may have refused the headers because the inlined outcomes made them too large.</summary>
    public bool RefusesSteps { get; init; }

    /// <summary>Whether stored steps do not fit the handler, and the policy makes the run fail because of that.</summary>
    public bool HasMismatch { get; init; }

    /// <summary>Whether the head of the response exceeds the gateway's limit.</summary>
    public bool HasOversizedHead { get; init; }

    /// <summary>Whether the store refused the latest checkpoint.</summary>
    public bool LacksStore { get; init; }

    /// <summary>Whether the service suspended the run although no step is pending.</summary>
    public bool HasNothingPending { get; init; }

    public Disposition Decide()
    {
        // There may be no run.
        if (Request == RequestFault.Broken && !MayBeStored) return Disposition.Discard;
        if (Request == RequestFault.TooLarge) return Disposition.RefuseRequest;

        // If the service aborted its response, try again, even if the client has disconnected.
        if (Interrupted == AttemptInterrupt.ClientGone && !ServiceBroke) return Disposition.Cancel;
        if (IsLost) return Disposition.LeaveToOther;
        if (HasMismatch) return Disposition.EndWithProblem;
        if (RefusesSteps && Outcome != AttemptOutcome.Suspended) return Disposition.ResendWithoutSteps;
        if (HasOversizedHead || Interrupted == AttemptInterrupt.ResponseTooLarge) return Disposition.EndWithProblem;

        // A response that arrived counts, even if the attempt was interrupted at the same time.
        switch (Outcome, Response)
        {
            case (AttemptOutcome.Completed, Arrival.Whole):
                return Disposition.Complete;
            case (AttemptOutcome.FailedForGood, Arrival.Whole):
                return Disposition.EndWithResponse;
            case (AttemptOutcome.Completed or AttemptOutcome.FailedForGood, Arrival.Head):
                // The lease had expired when the response began, so the client did not get it. Another attempt may have another response.
                return Disposition.LeaveToOther;
            case (AttemptOutcome.Suspended, Arrival.Head or Arrival.Whole) when !HasNothingPending:
                return Disposition.Suspend;
            case (AttemptOutcome.Suspended or AttemptOutcome.Failed, Arrival.Head or Arrival.Whole):
                break;
            default:
                if (Interrupted == AttemptInterrupt.Shutdown) return Disposition.HandBack;
                break;
        }

        return LacksStore ? Disposition.HandBackLater : Disposition.Retry;
    }
}
