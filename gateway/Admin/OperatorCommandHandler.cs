using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Admin;

/// <summary>Executes operators' actions on runs. The history of the run records each action and the operator.</summary>
internal sealed class OperatorCommandHandler(
    OperatorCommandStore operations, RunRecordReader records, RunEngine engine, IRunStore store, IWaitStore waits,
    IRunSignals signals, TimeProvider time)
{
    public async Task<ActionResult> ActAsync(RunId run, RunAction action, string who) => action switch
    {
        RunAction.Retry => await SimplyAsync(run, "retry", who),
        RunAction.Pause => await SimplyAsync(run, "pause", who),
        RunAction.Resume => await SimplyAsync(run, "resume", who),
        RunAction.ReleaseKey => await SimplyAsync(run, "release-key", who),
        RunAction.Cancel => await CancelAsync(run, who),
        RunAction.RunAgain again => await AgainAsync(run, again.As, who),
        RunAction.RunFromStep from => await ReviseAsync(run, from.Step, null, $"run-from-step {from.Step} by {who}"),
        RunAction.EditStep edit => await EditAsync(run, edit, who),
        _ => throw new ArgumentOutOfRangeException(nameof(action)),
    };

    private async Task<ActionResult> SimplyAsync(RunId run, string verb, string who)
    {
        var (verdict, state, paused) = await operations.ActAsync(run, verb, $"{verb} by {who}");
        if (verdict == "unknown") return ActionResult.Unknown;
        if (verdict != "done") return new ActionResult(false, Refusal(verb, state, paused));
        if (verb is not ("pause" or "release-key")) signals.HandedBack(run, time.GetUtcNow());
        return new ActionResult(true);
    }

    private static string Refusal(string verb, RunState state, bool paused) => (verb, state, paused) switch
    {
        ("release-key", RunState.Completed or RunState.Failed or RunState.Cancelled, _) =>
            "The run has no idempotency key, or the key is already released.",
        ("release-key", _, _) => "The run has not ended. Cancel it first, so that the same request is not executed twice.",
        (_, RunState.Completed or RunState.Failed or RunState.Cancelled, _) => $"The run is {state.Name()}. Use again or from-step.",
        ("pause", _, true) => "The run is already paused. Resume it to continue.",
        ("resume", _, _) => "The run is not paused.",
        (_, _, true) => "The run is paused. Resume it first.",
        _ => "An attempt of the run is in flight. Wait until it ends, or cancel the run.",
    };

    private async Task<ActionResult> CancelAsync(RunId run, string who)
    {
        if (await store.GetPolicyAsync(run) is not { } policy) return ActionResult.Unknown;
        return await engine.CancelAsync(run, policy, who) switch
        {
            true => new ActionResult(true),
            false => new ActionResult(false, "The run has ended, and its result is final. Use again or from-step."),
            null => ActionResult.Unknown,
        };
    }

    /// <summary>Starts a new run with the same request. The idempotency key still refers to the first run.</summary>
    private async Task<ActionResult> AgainAsync(RunId run, RunId? id, string who)
    {
        var record = await store.GetPolicyAsync(run);
        var request = await waits.GetRequestAsync(run);
        if (record is null || request is null || (await records.GetAsync(run))?.Route is not { } route) return ActionResult.Unknown;
        var now = time.GetUtcNow();
        var copy = id ?? RunId.New(now);
        var another = new NewRun(copy, record, route, now, request)
        {
            ConcurrencyLimit = (await operations.GetConcurrencyLimitAsync(run))?.Behind(now)
        };
        await StoreRetry.ResolveAsync(() => store.CreateDueAsync(another, engine.Owner, now), time);
        await operations.ActAsync(run, "again", $"again by {who}, as {copy}");
        await operations.ActAsync(copy, "again", $"again by {who}, from {run}");
        signals.HandedBack(copy, now);
        return new ActionResult(true, NewRun: copy);
    }

    private async Task<ActionResult> EditAsync(RunId run, RunAction.EditStep edit, string who)
    {
        var outcomes = await store.GetStepsAsync(run);
        if (outcomes is null) return ActionResult.Unknown;
        if (outcomes.FirstOrDefault(outcome => outcome.Id == edit.Step) is not { } old) return new ActionResult(false, NoStep(edit.Step));
        if (!StructuredFields.IsString(edit.ContentType))
            return new ActionResult(false, "The content type is not a valid header value. Use printable ASCII characters only.");
        if (await store.GetPolicyAsync(run) is { } policy && edit.Body.Length > policy.MaxStepBytes)
            return new ActionResult(false, $"The outcome is larger than MaxStepBytes of the run's policy, {policy.MaxStepBytes} bytes.");
        var edited = old with { Failed = edit.Failed, ContentType = edit.ContentType, Body = edit.Body };
        if (StepOutcome.IsCall(old))
        {
            // The next attempt compares its call with the record, so only the response changes.
            if (edit.Failed || RememberedCall.Parse(old.Body) is not { } call)
                return new ActionResult(false, "The outcome of a call is a response. It cannot be a failure.");
            edited = old with { Body = call.WithBody(edit.ContentType, edit.Body).ToBytes() };
        }

        return await ReviseAsync(run, edit.Step, edited, $"edit-step {edit.Step} by {who}");
    }

    private async Task<ActionResult> ReviseAsync(RunId run, string step, StepOutcome? outcome, string note)
    {
        if (await store.GetPolicyAsync(run) is not { } policy) return ActionResult.Unknown;
        switch (await operations.ReviseAsync(run, step, outcome, policy, note, outcome is null ? await CallsAsync(run) : []))
        {
            case "done":
                signals.HandedBack(run, time.GetUtcNow());
                return new ActionResult(true);
            case "running":
                return new ActionResult(false,
                "An attempt of the run is in flight. Cancel or pause the run first.");
            case "step": return new ActionResult(false, NoStep(step));
            default: return ActionResult.Unknown;
        }
    }

    /// <summary>The calls of a run that may be made again, with the names under which that is counted.</summary>
    private async Task<IEnumerable<(string Id, string Name)>> CallsAsync(RunId run)
    {
        try
        {
            return
            [
                .. from outcome in await store.GetStepsAsync(run) ?? []
                   where StepOutcome.IsCall(outcome)
                   let call = RememberedCall.Parse(outcome.Body)
                   where call is not null
                   select (outcome.Id, RememberedCall.RepetitionName(call.Target, call.Digest, call.Alike)),
            ];
        }
        catch (UnreadableRecordException)
        {
            // The operator may be about to drop just that record.
            return [];
        }
    }

    private static string NoStep(string step) => $"The run has no step '{step}' with an outcome. GET the run to see its steps.";
}
