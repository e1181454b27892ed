using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Steps that wait for something from outside. As with <see cref="IRunStore"/>, every change is one atomic transition.</summary>
internal interface IWaitStore
{
    /// <summary>Registers a step that waits, or answers its outcome.</summary>
    /// <param name="waiter">The step.</param>
    /// <param name="attempt">The attempt that says so.</param>
    /// <param name="kind">What it waits for.</param>
    /// <param name="maxSteps">The most steps the run may have.</param>
    /// <param name="until">When it gives up; <see langword="null"/>: never. The first call's counts.</param>
    /// <param name="since">Since when what it waits for counts; <see langword="null"/>: since the run's start.
    /// The first call's counts.</param>
    /// <param name="givenUp">What is stored when it has given up.</param>
    Task<AwaitAnswer> AwaitAsync(
        Waiter waiter, Fence attempt, WaitKind kind, int maxSteps, DateTimeOffset? until, DateTimeOffset? since, StepOutcome givenUp);

    /// <summary>Completes a step that waits, and makes its run due.</summary>
    /// <param name="run">The run of the step.</param>
    /// <param name="kind">What the step must be waiting for.</param>
    /// <param name="outcome">Its outcome.</param>
    /// <param name="eventName">The event that this is, if it is one.</param>
    /// <param name="told">The attempt that gets the outcome from the caller; 0 for none.</param>
    Task<Delivery> DeliverAsync(RunId run, WaitKind kind, StepOutcome outcome, string? eventName = null, int told = 0);

    /// <summary>
    /// What a delivery to a step would come to now; nothing is changed. <see cref="DeliveryVerdict.Woken"/>: the step waits.
    /// </summary>
    /// <param name="waiter">The step.</param>
    /// <param name="kind">What the step must be waiting for.</param>
    Task<DeliveryVerdict> PeekAsync(Waiter waiter, WaitKind kind);

    /// <summary>The run and step that invoked a run, and how deep it is; <see langword="null"/> where it was a client.</summary>
    Task<Invoker?> GetInvokerAsync(RunId run);

    /// <summary>How often an operator has had a step executed anew that had an outcome.</summary>
    Task<int> GetRepetitionAsync(Waiter waiter);

    /// <summary>The request of a run; <see langword="null"/> where it is unknown.</summary>
    Task<StoredRequest?> GetRequestAsync(RunId run);
}
