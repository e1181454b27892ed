using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// Handles steps that wait for an event, a callback or an invoked run. A waiting step uses no resources of a node: it is a stored value of
/// its run and, for an event, an entry of its topic.
/// </summary>
internal sealed class WaitService(IWaitStore store, IEventStore events, IRunSignals signals, IStepObserver observer, TimeProvider time)
{
    private const int Page = 32;

    /// <summary>Waits for an event, or returns a stored one.</summary>
    /// <param name="waiter">The step.</param>
    /// <param name="attempt">The attempt that reports it.</param>
    /// <param name="policy">The policy of the run.</param>
    /// <param name="topic">The topic of the events.</param>
    /// <param name="timeout">The longest wait.</param>
    /// <param name="lookback">How far back events count; <see langword="null"/> for the run's start.</param>
    public async Task<StepAnswer> ForEventAsync(
        Waiter waiter, Fence attempt, RunPolicy policy, Topic topic, TimeSpan? timeout, TimeSpan? lookback)
    {
        var answer = await BeginAsync(waiter, attempt, policy, WaitKind.Event, timeout, time.GetUtcNow() - lookback);
        if (answer.Step.Verdict != StepVerdict.Scheduled) return answer.Step;

        // Store the wait in the run before the subscription to the topic. After a crash in between, the step asks again.
        return await ListenAsync(waiter, topic, answer.Since, answer.Expiry, attempt.Attempt)
            ? (await BeginAsync(waiter, attempt, policy, WaitKind.Event, timeout, since: null)).Step
            : answer.Step;
    }

    /// <summary>Waits for a callback or for an invoked run.</summary>
    public async Task<StepAnswer> ForAsync(Waiter waiter, Fence attempt, RunPolicy policy, WaitKind kind, TimeSpan? timeout) =>
        (await BeginAsync(waiter, attempt, policy, kind, timeout, since: null)).Step;

    /// <summary>Completes a step that waits.</summary>
    public async Task<Delivery> DeliverAsync(RunId run, WaitKind kind, StepOutcome outcome)
    {
        var delivery = await store.DeliverAsync(run, kind, outcome);
        if (delivery.Verdict != DeliveryVerdict.Woken) return delivery;
        signals.Parked(run, time.GetUtcNow());
        await observer.DeliveredAsync(run, outcome);
        return delivery;
    }

    /// <summary>Completes a step with an event for which it waited.</summary>
    /// <returns>Whether the step was completed.</returns>
    public async Task<bool> DeliverAsync(Waiter waiter, bool anyKey, StoredEvent arrived)
    {
        var delivery = await store.DeliverAsync(waiter.Run, WaitKind.Event, OutcomeOf(waiter, arrived), arrived.Name);
        if (delivery.Verdict == DeliveryVerdict.Used)
        {
            // The event removed the step from its topic, but another step of its run has taken it. This step waits for the next event.
            return await ListenAsync(waiter, anyKey ? arrived.Topic with { Key = null } : arrived.Topic,
                delivery.Since, delivery.Expiry, told: 0);
        }

        if (delivery.Verdict != DeliveryVerdict.Woken) return false;
        signals.Parked(waiter.Run, time.GetUtcNow());
        await observer.DeliveredAsync(waiter.Run, OutcomeOf(waiter, arrived));
        return true;
    }

    private Task<AwaitAnswer> BeginAsync(
        Waiter waiter, Fence attempt, RunPolicy policy, WaitKind kind, TimeSpan? timeout, DateTimeOffset? since)
    {
        var now = time.GetUtcNow();
        return store.AwaitAsync(waiter, attempt, kind, policy.MaxSteps, now + timeout, since, new StepOutcome
        {
            Id = waiter.Step,
            Type = kind.Name(),
            Failed = true,
            ContentType = Problem.ContentType,
            Body = Problems.StepTimeout(waiter.Run, waiter.Step).ToJson(),
            Attempt = attempt.Attempt,
            StartedAt = now,
            EndedAt = now,
        });
    }

    /// <returns>Whether the step has an outcome.</returns>
    private async Task<bool> ListenAsync(Waiter waiter, Topic topic, DateTimeOffset since, DateTimeOffset expiry, int told)
    {
        for (var skip = 0; ; skip += Page)
        {
            var names = await events.ListenAsync(topic, waiter, expiry, since, skip, Page);
            foreach (var name in names)
            {
                if (await events.GetAsync(events.ShardOf(topic), name) is not { } stored) continue;
                var delivery = await store.DeliverAsync(waiter.Run, WaitKind.Event, OutcomeOf(waiter, stored), name, told);
                if (delivery.Verdict == DeliveryVerdict.Used) continue;
                if (delivery.Verdict == DeliveryVerdict.Woken)
                {
                    if (told == 0) signals.Parked(waiter.Run, time.GetUtcNow());
                    await observer.DeliveredAsync(waiter.Run, OutcomeOf(waiter, stored));
                }

                await events.UnlistenAsync(topic, waiter);
                return delivery.Verdict is DeliveryVerdict.Woken or DeliveryVerdict.Done;
            }

            if (names.Count < Page) return false;
        }
    }

    private StepOutcome OutcomeOf(Waiter waiter, StoredEvent arrived)
    {
        var now = time.GetUtcNow();
        return new StepOutcome
        {
            Id = waiter.Step,
            Type = WaitKind.Event.Name(),
            Failed = false,
            ContentType = arrived.ContentType,
            Body = arrived.Data,
            Attempt = 0,
            StartedAt = now,
            EndedAt = now,
        };
    }
}
