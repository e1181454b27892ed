using System.Text;
using CsCheck;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage.Model;

/// <summary>
/// One call of the store, with any attempt, owner and time, and any expected state. Late, repeated and wrong calls are normal here. A node
/// that has crashed makes no more calls.
/// </summary>
internal sealed record Operation(string Name, Func<IRunStore, NewRun, Task<string>> OnStore, Func<RunModel, (RunModel, string)> OnModel)
{
    public const int MostSteps = 3;

    private static readonly string[] Owners = ["a", "b"];
    private static readonly string[] StepIds = ["s1", "s2", "s3", "s4"];

    private static readonly Gen<int> Attempt = Gen.Int[0, 4];
    private static readonly Gen<string> Owner = OneOf(Owners);
    private static readonly Gen<string> Step = OneOf(StepIds);
    private static readonly Gen<string> Value = OneOf("x", "y");
    private static readonly Gen<long> Time = Gen.Long[0, 40];
    private static readonly Gen<int?> Expected = Gen.OneOf(Gen.Const((int?)null), Gen.Int[0, 2].Select(count => (int?)count));

    /// <summary>What the first attempt reports on a step with the call that creates the run.</summary>
    private static readonly Gen<FirstReport> Report = Gen.OneOf(
        Gen.Select(Step, Gen.Bool, Value, Expected, (step, failed, value, expected) => new FirstReport(
            $"store {step} failed={failed} {value} expecting {expected}",
            new StepReport.Ended(Outcome(step, failed, value), MostSteps, expected, ""),
            model => model.Store(1, step, failed, value, MostSteps, expected))),
        Gen.Select(Step, Gen.Int[0, 1], Time, (step, expected, next) => new FirstReport(
            $"schedule {step} expecting {expected} at {next}",
            new StepReport.TryFailed(step, MostSteps, expected, At(next), ""),
            model => model.Schedule(1, step, MostSteps, expected, next))));

    /// <summary>A random call.</summary>
    public static readonly Gen<Operation> Any = Gen.Frequency(
        (2, Gen.Select(Owner, Time, (owner, lease) => new Operation($"create running {owner} until {lease}",
            async (store, run) => $"{await store.CreateRunningAsync(run, owner, At(lease))}",
            model => model.Create(RunState.Running, owner, lease, 1, 0)))),
        (2, Gen.Select(Owner, Time, Report, (owner, lease, report) => new Operation(
            $"create running {owner} until {lease}, with {report.Name}",
            async (store, run) => await store.CreateRunningAsync(run, owner, At(lease), report.Report) is var (isOwn, answer)
                ? $"{isOwn} {Said(answer!.Value)}"
                : "",
            model =>
            {
                var (created, isOwn) = model.Create(RunState.Running, owner, lease, 1, 0);
                var (reported, answer) = report.OnModel(created);
                return (reported, $"{isOwn} {answer}");
            }))),
        (1, Gen.Select(Owner, Time, (owner, next) => new Operation($"create waiting {owner} until {next}",
            async (store, run) => $"{await store.CreateWaitingAsync(run, owner, At(next))}",
            model => model.Create(RunState.Waiting, owner, Math.Min(next, model.Deadline), 1, 1)))),
        (1, Owner.Select(owner => new Operation($"create due {owner}",
            async (store, run) => $"{await store.CreateDueAsync(run, owner, run.StartedAt)}",
            model => model.Create(RunState.Waiting, owner, model.Started, 0, 0)))),
        (6, Gen.Select(Owner, Time, Time, (owner, now, lease) => new Operation($"claim {owner} at {now} until {lease}",
            async (store, run) => await store.ClaimAsync(run.Id, owner, At(now), At(lease)) is { } claimed
                ? $"attempt {claimed.Attempt}, {claimed.Failures} failures, steps {string.Join(' ', claimed.Steps.Select(step => step.Id))}"
                : "nothing",
            model => model.Claim(owner, now, lease)))),
        (2, Gen.Select(Attempt, Owner, Time, (attempt, owner, lease) => new Operation($"renew {attempt} {owner} until {lease}",
            async (store, run) => $"{await store.RenewAsync(new AttemptKey(run.Id, attempt, owner), At(lease))}",
            model => model.Renew(attempt, owner, lease)))),
        (4, Gen.Select(Attempt, Step, Gen.Bool, Value, Expected, (attempt, step, failed, value, expected) => new Operation(
            $"store {attempt} {step} failed={failed} {value} expecting {expected}",
            async (store, run) => Said(await store.StoreOutcomeAsync(run.Id, attempt, Outcome(step, failed, value), MostSteps, expected)),
            model => model.Store(attempt, step, failed, value, MostSteps, expected)))),
        (3, Gen.Select(Attempt, Step, Gen.Int[0, 2], Time,
            (attempt, step, expected, next) => new Operation($"schedule {attempt} {step} expecting {expected} at {next}",
                async (store, run) => Said(await store.ScheduleStepAsync(run.Id, attempt, step, MostSteps, expected, At(next))),
                model => model.Schedule(attempt, step, MostSteps, expected, next)))),
        (3, Gen.Select(Attempt, Step, Time, Time,
            (attempt, step, until, now) => new Operation($"wait {attempt} {step} until {until} at {now}",
                async (store, run) => Said(await store.WaitAsync(run.Id, attempt, Outcome(step, false, "awake"),
                    MostSteps, At(until), At(now))),
                model => model.Wait(attempt, step, "awake", MostSteps, until, now)))),
        (3, Gen.Select(Attempt, Owner, (attempt, owner) => new Operation($"suspend {attempt} {owner}",
            async (store, run) => Said(await store.SuspendAsync(new AttemptKey(run.Id, attempt, owner))),
            model => model.Suspend(attempt, owner)))),
        (3, Gen.Select(Attempt, Owner, Expected, Time,
            (attempt, owner, expected, next) => new Operation($"fail {attempt} {owner} expecting {expected} at {next}",
                async (store, run) => Said(await store.FailAsync(new AttemptKey(run.Id, attempt, owner), expected, At(next))),
                model => model.Fail(attempt, owner, expected, next)))),
        (1, Gen.Select(Attempt, Owner, Gen.Bool, Value, Expected, (attempt, owner, completed, value, expected) => new Operation(
            $"end {attempt} {owner} completed={completed} {value} expecting {expected}",
            async (store, run) => Said(await store.EndAsync(new AttemptKey(run.Id, attempt, owner),
                completed ? RunState.Completed : RunState.Failed, Make.Response(value), run.Policy, expected)),
            model => model.End(attempt, owner, completed ? RunState.Completed : RunState.Failed, value, expected)))),
        (1, Gen.Const(new Operation("cancel",
            async (store, run) => $"{await store.CancelAsync(run.Id, run.Policy.Retention)}",
            model => model.Cancel()))));

    private static Gen<string> OneOf(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    /// <summary>The time when the runs of the model start. By the clock of this machine, none of their deadlines has passed.</summary>
    public static DateTimeOffset Origin { get; } = Make.Start.AddYears(100);

    public static DateTimeOffset At(long time) => Origin.AddMilliseconds(time);

    public static long From(double score) => (long)score - Origin.ToUnixTimeMilliseconds();

    public override string ToString() => Name;

    private static StepOutcome Outcome(string step, bool failed, string value) => Make.Outcome(step, value) with { Failed = failed };

    private static string Said(StepAnswer answer) => answer.Verdict switch
    {
        StepVerdict.Stored => $"{answer.Verdict} {answer.Outcome!.Failed} {Encoding.UTF8.GetString(answer.Outcome.Body.Span)}",
        StepVerdict.Scheduled => $"{answer.Verdict} {From(answer.Due.ToUnixTimeMilliseconds())}",
        StepVerdict.Recount => $"{answer.Verdict} {answer.Tries}",
        _ => $"{answer.Verdict}",
    };

    private sealed record FirstReport(string Name, StepReport Report, Func<RunModel, (RunModel, string)> OnModel);

    private static string Said(ParkAnswer answer) => answer.Verdict switch
    {
        ParkVerdict.Done when answer.Due != default => $"{answer.Verdict} {From(answer.Due.ToUnixTimeMilliseconds())}",
        ParkVerdict.Recount => $"{answer.Verdict} {answer.Failures}",
        _ => $"{answer.Verdict}",
    };
}
