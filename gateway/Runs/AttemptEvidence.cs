namespace DurableGateway.Runs;

/// <summary>
/// What is known of an attempt when its call is over. What that means is decided here and nowhere else, for live attempts and replays
/// alike.
/// </summary>
internal readonly record struct AttemptEvidence
{
    public RequestFault Request { get; init; }

    /// <summary>The run is in the store, or may be.</summary>
    public bool MayBeStored { get; init; }

    /// <summary>Another attempt owns the run, or it has ended.</summary>
    public bool IsLost { get; init; }

    public AttemptInterrupt Interrupted { get; init; }

    /// <summary>What the head of the response says; <see langword="null"/> where none arrived.</summary>
    public AttemptOutcome? Outcome { get; init; }

    /// <summary>How much of the response there is. Of a live attempt that failed or is suspended, the head is enough.</summary>
    public Arrival Response { get; init; }

    /// <summary>The service broke off its response.</summary>
    public bool ServiceBroke { get; init; }

    /// <summary>The service may have refused the size of the headers, which only the outcomes in them made too large.</summary>
    public bool RefusesSteps { get; init; }

    /// <summary>Stored steps do not fit the handler, and the policy has the run fail by that.</summary>
    public bool HasMismatch { get; init; }

    /// <summary>The head of the response is larger than the gateway takes.</summary>
    public bool HasOversizedHead { get; init; }

    /// <summary>The store refused the latest checkpoint.</summary>
    public bool LacksStore { get; init; }

    /// <summary>The service suspended the run, and no step is pending.</summary>
    public bool HasNothingPending { get; init; }

    public Disposition Decide()
    {
        // There may be no run at all.
        if (Request == RequestFault.Broken && !MayBeStored) return Disposition.Discard;
        if (Request == RequestFault.TooLarge) return Disposition.RefuseRequest;

        // A service that broke off is asked again, whether the client has stayed or not.
        if (Interrupted == AttemptInterrupt.ClientGone && !ServiceBroke) return Disposition.Cancel;
        if (IsLost) return Disposition.LeaveToOther;
        if (HasMismatch) return Disposition.EndWithProblem;
        if (RefusesSteps && Outcome != AttemptOutcome.Suspended) return Disposition.ResendWithoutSteps;
        if (HasOversizedHead || Interrupted == AttemptInterrupt.ResponseTooLarge) return Disposition.EndWithProblem;

        // A response counts that arrived, also where the attempt was interrupted at that very moment.
        switch (Outcome, Response)
        {
            case (AttemptOutcome.Completed, Arrival.Whole):
                return Disposition.Complete;
            case (AttemptOutcome.FailedForGood, Arrival.Whole):
                return Disposition.EndWithResponse;
            case (AttemptOutcome.Completed or AttemptOutcome.FailedForGood, Arrival.Head):
                // The lease had run out when it began, so it was kept from the client: another attempt may have another response.
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
