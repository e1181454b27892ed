using DurableGateway.Http;
using DurableGateway.Runs;

namespace DurableGateway.Egress;

/// <summary>
/// The calls of one attempt, and the outcomes of the attempts before it. The node that holds the attempt has its only ledger, so no two
/// calls get the same outcome.
/// </summary>
internal sealed class CallLedger
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, List<CallSlot>> _targets = new(StringComparer.Ordinal);
    private TaskCompletionSource _change = NewChange();
    private Task? _loaded;
    private int _made;
    private int _waiting;

    /// <summary>How many calls of this attempt are in flight or have an outcome that is stored.</summary>
    public int Made => Volatile.Read(ref _made);

    /// <summary>How many calls wait for a change.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Completes with the next change of a call's state. Take it before the state is looked at.</summary>
    public Task NextChange
    {
        get
        {
            lock (_lock) return _change.Task;
        }
    }

    /// <summary>Reads what earlier attempts remember, once. No earlier attempt can add to it, because this one has begun.</summary>
    /// <exception cref="UnreadableRecordException">An outcome cannot be read.</exception>
    public Task LoadAsync(Attempt attempt, IRunStore store)
    {
        lock (_lock)
        {
            if (_loaded is null or { IsFaulted: true }) _loaded = ReadAsync(attempt, store);
            return _loaded;
        }
    }

    /// <param name="change">The <see cref="NextChange"/> of the moment before the state was looked at.</param>
    /// <param name="patience">How long to wait; infinite for as long as it takes.</param>
    /// <param name="time">The clock.</param>
    /// <param name="callerGone">Cancelled when nobody waits for the call.</param>
    /// <returns>Whether something has changed in time.</returns>
    public async Task<bool> WaitAsync(Task change, TimeSpan patience, TimeProvider time, CancellationToken callerGone)
    {
        if (patience <= TimeSpan.Zero && patience != Timeout.InfiniteTimeSpan) return false;
        Interlocked.Increment(ref _waiting);
        try
        {
            await change.WaitAsync(patience, time, callerGone);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    /// <summary>Finds the outcome of a call, or the place in which it is to be made.</summary>
    /// <param name="call">The call.</param>
    /// <param name="ignoresOthers">Whether outcomes of other bodies do not matter.</param>
    /// <param name="waitsForAlike">Whether the call is not made yet while one that is alike is in flight.</param>
    public CallMatch Take(ServiceCall call, bool ignoresOthers, bool waitsForAlike = false)
    {
        lock (_lock)
        {
            var slots = SlotsOf(call.Target);
            var alike = slots.Where(slot => slot.Digest == call.Digest).OrderBy(slot => slot.Alike).ToArray();
            if (alike.FirstOrDefault(slot => slot.State == CallSlotState.Left) is { } known)
            {
                Change(known, CallSlotState.Used);
                return new CallMatch.Remembered(known);
            }

            if (alike.Any(slot => slot.State == CallSlotState.Abandoned)) return new CallMatch.InFlight();
            if (!ignoresOthers && slots.Find(slot => slot is { State: CallSlotState.Left, IsOfEarlierAttempt: true }) is { } other)
                return new CallMatch.Drift(other);
            if (waitsForAlike && alike.Any(slot => slot.State == CallSlotState.InFlight)) return new CallMatch.AlikeInFlight();
            if (alike.FirstOrDefault(slot => slot.State == CallSlotState.Free) is not { } free)
            {
                // The first number that is free: if calls that are alike were made at once, the outcome of a later one may be known alone.
                var number = slots.Count == 0 ? 1 : slots.Max(slot => slot.Number) + 1;
                var nth = Enumerable.Range(1, alike.Length + 1).First(n => alike.All(slot => slot.Alike != n));
                free = new CallSlot(call.ToStepId(number, nth), call.Digest, number, nth);
                slots.Add(free);
            }

            _made++;
            Change(free, CallSlotState.InFlight);
            return new CallMatch.New(free);
        }
    }

    /// <summary>Takes an outcome of another body for a call.</summary>
    /// <returns><see langword="false"/> if another call has got it.</returns>
    public bool TryTake(CallSlot slot)
    {
        lock (_lock)
        {
            if (slot.State != CallSlotState.Left) return false;
            Change(slot, CallSlotState.Used);
            return true;
        }
    }

    /// <summary>The caller has gone. The call goes on.</summary>
    public void Abandon(CallSlot slot)
    {
        lock (_lock)
        {
            if (slot.State == CallSlotState.InFlight) Change(slot, CallSlotState.Abandoned);
        }
    }

    /// <summary>The outcome is stored.</summary>
    public void Complete(CallSlot slot, RememberedCall outcome)
    {
        lock (_lock)
        {
            slot.Outcome = outcome;
            Change(slot, slot.State == CallSlotState.Abandoned ? CallSlotState.Left : CallSlotState.Used);
        }
    }

    /// <summary>The call has no outcome that is remembered.</summary>
    public void Release(CallSlot slot)
    {
        lock (_lock)
        {
            _made--;
            Change(slot, CallSlotState.Free);
        }
    }

    private async Task ReadAsync(Attempt attempt, IRunStore store)
    {
        var outcomes = attempt.StepCount == attempt.Steps.Count ? attempt.Steps : await store.GetStepsAsync(attempt.Run) ?? [];
        foreach (var outcome in outcomes.Where(StepOutcome.IsCall)) Add(outcome);
    }

    private void Add(StepOutcome outcome)
    {
        // A call whose outcome cannot be read must not be made again.
        if (RememberedCall.Parse(outcome.Body) is not { } call)
            throw new UnreadableRecordException($"The outcome of call '{outcome.Id}' is not one that this release can read.");
        lock (_lock)
        {
            var slots = SlotsOf(call.Target);
            slots.Add(new CallSlot(outcome.Id, call.Digest, call.Number, call.Alike)
            {
                State = CallSlotState.Left,
                IsOfEarlierAttempt = true,
                Outcome = call,
            });
        }
    }

    private List<CallSlot> SlotsOf(string target) =>
        _targets.TryGetValue(target, out var slots) ? slots : _targets[target] = [];

    private void Change(CallSlot slot, CallSlotState state)
    {
        slot.State = state;
        var change = _change;
        _change = NewChange();
        change.TrySetResult();
    }

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
