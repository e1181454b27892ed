using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>The store of steps that wait for an event, a callback or an invoked run. Every change is one atomic transition.</summary>
internal interface IWaitStore
{
    /// <summary>Registers a step that waits, or returns its outcome.</summary>
    /// <param name="waiter">The step.</param>
    /// <param name="attempt">The attempt that reports it.</param>
    /// <param name="kind">The kind of the wait.</param>
    /// <param name="maxSteps">The maximum number of steps of the run.</param>
    /// <param name="until">When the wait expires; <see langword="null"/> for never. The value of the first call applies.</param>
    /// <param name="since">The time from which deliveries count; <see langword="null"/> for the run's start.
    /// The value of the first call applies.</param>
    /// <param name="givenUp">The outcome to store when the wait expires.</param>
    Task<AwaitAnswer> AwaitAsync(
        Waiter waiter, Fence attempt, WaitKind kind, int maxSteps, DateTimeOffset? until, DateTimeOffset? since, StepOutcome givenUp);

    /// <summary>Completes a step that waits, and makes its run due.</summary>
    /// <param name="run">The run of the step.</param>
    /// <param name="kind">The kind of the wait.</param>
    /// <param name="outcome">Its outcome.</param>
    /// <param name="eventName">The name of the event, if it is one.</param>
    /// <param name="told">The attempt that the caller informs of the outcome; 0 for none.</param>
    Task<Delivery> DeliverAsync(RunId run, WaitKind kind, StepOutcome outcome, string? eventName = null, int told = 0);

    /// <summary>
    /// The result that a delivery to a step would have now. Changes nothing. <see cref="DeliveryVerdict.Woken"/> means that the step waits.
    /// </summary>
    /// <param name="waiter">The step.</param>
    /// <param name="kind">The kind of the wait.</param>
    Task<DeliveryVerdict> PeekAsync(Waiter waiter, WaitKind kind);

    /// <summary>The run and step that invoked a run, and its depth; <see langword="null"/> if a client started the run.</summary>
    Task<Invoker?> GetInvokerAsync(RunId run);

    /// <summary>How often an operator has made a step with an outcome execute again. For calls, the waiter has a name and no id.</summary>
    Task<int> GetRepetitionAsync(Waiter waiter);

    /// <summary>The request of a run; <see langword="null"/> if it is unknown.</summary>
    Task<StoredRequest?> GetRequestAsync(RunId run);
}
