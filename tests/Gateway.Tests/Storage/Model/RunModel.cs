using System.Collections.Immutable;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Storage.Model;

/// <summary>A step in the model: failed tries, a wait, or an outcome.</summary>
internal abstract record StepModel
{
    public sealed record Tried(int Tries, int By) : StepModel;

    public sealed record Sleeping(long Until, string Value) : StepModel;

    public sealed record Stored(bool Failed, string Value, int Order) : StepModel;
}

/// <summary>
/// A second implementation of a run, without Redis: the transitions that the scripts of the store must make. Times are in milliseconds.
/// Each transition returns the next model and the expected answer of the store.
/// </summary>
internal sealed record RunModel(long Started, long Deadline)
{
    public RunState? State { get; init; }
    public int Attempt { get; init; }
    public string Owner { get; init; } = "";
    public int Failures { get; init; }

    /// <summary>The time when the run is due or its lease ends; <see langword="null"/> if it is in no queue.</summary>
    public long? Queued { get; init; }
    public long Next { get; init; }
    public ImmutableSortedDictionary<string, StepModel> Steps { get; init; } =
        ImmutableSortedDictionary.Create<string, StepModel>(StringComparer.Ordinal);
    public ImmutableSortedDictionary<string, long> Pending { get; init; } =
        ImmutableSortedDictionary.Create<string, long>(StringComparer.Ordinal);
    public string? Result { get; init; }
    public int? EndedBy { get; init; }

    public bool HasEnded => State is RunState.Completed or RunState.Failed or RunState.Cancelled;
    public int Stored => Steps.Values.Count(step => step is StepModel.Stored);

    public (RunModel, string) Create(RunState state, string owner, long queued, int attempt, int failures)
    {
        if (State is not null && !Owns(attempt, owner)) return (this, "False");
        return (this with
        {
            State = state,
            Attempt = State is null ? attempt : Attempt,
            Owner = state == RunState.Waiting ? "" : owner,
            Failures = failures,
            Next = queued,
            Queued = queued,
        }, "True");
    }

    public (RunModel, string) Claim(string owner, long now, long lease)
    {
        if (Queued is not { } due || due > now) return (this, "nothing");
        var after = this with { State = RunState.Running, Attempt = Attempt + 1, Owner = owner, Queued = lease };

        // A sleep that is over is complete. The sleep that ended first comes first.
        foreach (var (step, _) in Pending.Where(step => step.Value <= now).OrderBy(step => step.Value)
            .ThenBy(step => step.Key, StringComparer.Ordinal))
        {
            after = after.Steps[step] is StepModel.Sleeping waits
                ? after.With(step, new StepModel.Stored(false, waits.Value, after.Stored))
                : after with { Pending = after.Pending.Remove(step) };
        }

        var steps = after.Steps.Where(step => step.Value is StepModel.Stored).OrderBy(step => ((StepModel.Stored)step.Value).Order)
            .Select(step => step.Key);
        return (after, $"attempt {after.Attempt}, {after.Failures} failures, steps {string.Join(' ', steps)}");
    }

    public (RunModel, string) Renew(int attempt, string owner, long lease) =>
        Owns(attempt, owner) ? (this with { Queued = lease }, "True") : (this, "False");

    public (RunModel, string) Store(int attempt, string step, bool failed, string value, int most, int? expected)
    {
        if (Refused(attempt, step, most, other: known => known is StepModel.Sleeping) is { } refused) return (this, refused);
        var tries = Steps.GetValueOrDefault(step) is StepModel.Tried tried ? tried.Tries : 0;
        if (expected is { } count && count != tries) return (this, $"{StepVerdict.Recount} {tries}");
        return (With(step, new StepModel.Stored(failed, value, Stored)), $"{StepVerdict.Created}");
    }

    public (RunModel, string) Schedule(int attempt, string step, int most, int expected, long next)
    {
        if (Refused(attempt, step, most, other: known => known is StepModel.Sleeping) is { } refused) return (this, refused);
        var tried = Steps.GetValueOrDefault(step) as StepModel.Tried ?? new StepModel.Tried(0, 0);
        if (tried.By == attempt && tried.Tries > 0 && Pending.TryGetValue(step, out var due))
            return (this, $"{StepVerdict.Scheduled} {due}");
        if (expected != tried.Tries) return (this, $"{StepVerdict.Recount} {tried.Tries}");
        var at = Math.Min(next, Deadline);
        return (this with
        {
            Steps = Steps.SetItem(step, new StepModel.Tried(tried.Tries + 1, attempt)),
            Pending = Pending.SetItem(step, at)
        },
            $"{StepVerdict.Scheduled} {at}");
    }

    public (RunModel, string) Wait(int attempt, string step, string value, int most, long until, long now)
    {
        var isFirst = State is not null && !HasEnded && Attempt == attempt && !Steps.ContainsKey(step);
        if (isFirst && until >= Deadline && until > now) return (this, $"{StepVerdict.BeyondDeadline}");
        if (Refused(attempt, step, most, other: known => known is StepModel.Tried) is { } refused) return (this, refused);
        if (Steps.GetValueOrDefault(step) is StepModel.Sleeping waits) (until, value) = (waits.Until, waits.Value);
        return until <= now
            ? (With(step, new StepModel.Stored(false, value, Stored)), $"{StepVerdict.Stored} False {value}")
            : (this with { Steps = Steps.SetItem(step, new StepModel.Sleeping(until, value)), Pending = Pending.SetItem(step, until) },
                $"{StepVerdict.Scheduled} {until}");
    }

    public (RunModel, string) Suspend(int attempt, string owner)
    {
        if (State == RunState.Waiting && Attempt == attempt) return (this, $"{ParkVerdict.Done} {Next}");
        if (!Owns(attempt, owner)) return (this, $"{ParkVerdict.Lost}");
        return Pending.IsEmpty ? (this, $"{ParkVerdict.Nothing}") : Park(Pending.Values.Min());
    }

    public (RunModel, string) Fail(int attempt, string owner, int? expected, long next)
    {
        if (State == RunState.Waiting && Attempt == attempt) return (this, $"{ParkVerdict.Done} {Next}");
        if (!Owns(attempt, owner)) return (this, $"{ParkVerdict.Lost}");
        if (expected is { } count && count != Failures) return (this, $"{ParkVerdict.Recount} {Failures}");
        return (this with { Failures = Failures + (expected is null ? 0 : 1) }).Park(next);
    }

    public (RunModel, string) End(int attempt, string owner, RunState state, string result, int? expected)
    {
        if (EndedBy == attempt && State == state) return (this, $"{ParkVerdict.Done}");
        if (!Owns(attempt, owner)) return (this, $"{ParkVerdict.Lost}");
        if (expected is { } count && count != Failures) return (this, $"{ParkVerdict.Recount} {Failures}");
        return (Over(state) with { Result = result, EndedBy = attempt }, $"{ParkVerdict.Done}");
    }

    public (RunModel, string) Cancel() => State is null ? (this, "") : HasEnded ? (this, "False") : (Over(RunState.Cancelled), "True");

    private bool Owns(int attempt, string owner) => State == RunState.Running && Attempt == attempt && Owner == owner;

    private RunModel Over(RunState state) => this with { State = state, Owner = "", Queued = null, Pending = Pending.Clear() };

    private (RunModel, string) Park(long next)
    {
        var due = Math.Min(next, Deadline);
        return (this with { State = RunState.Waiting, Owner = "", Next = due, Queued = due }, $"{ParkVerdict.Done} {due}");
    }

    private RunModel With(string step, StepModel.Stored outcome) =>
        this with { Steps = Steps.SetItem(step, outcome), Pending = Pending.Remove(step), Failures = 0 };

    private string? Refused(int attempt, string step, int most, Func<StepModel, bool> other)
    {
        if (State is null) return $"{StepVerdict.Unknown}";
        if (HasEnded) return $"{StepVerdict.Ended}";
        if (Attempt != attempt) return $"{StepVerdict.Superseded}";
        return Steps.GetValueOrDefault(step) switch
        {
            StepModel.Stored stored => $"{StepVerdict.Stored} {stored.Failed} {stored.Value}",
            null => Steps.Count >= most ? $"{StepVerdict.TooMany}" : null,
            var known => other(known) ? $"{StepVerdict.OtherKind}" : null,
        };
    }
}
