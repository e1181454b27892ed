using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>The rollback after a final failure of the handler.</summary>
internal sealed partial class StepRunner
{
    private readonly List<(string Id, Func<CancellationToken, Task> Body, StepOptions? How)> _compensations = [];

    public void OnRollback(string name, Func<CancellationToken, Task> compensation, StepOptions? options = null)
    {
        if (compensation is null) throw new ArgumentNullException(nameof(compensation));
        if (Inside.Value is { } outer && outer.Runner == this)
        {
            throw new StepUsageException(
                $"The compensation '{name}' is registered inside step '{outer.Step}', which a replay does not execute. "
                + "Register it after the step.");
        }

        var id = _names.Reserve(name);
        stored.MakeOptional(id);
        lock (_lock) _compensations.Add((id, compensation, options));
        activity.Touch();
    }

    /// <summary>Ends the attempt: waits for executing steps, and rolls back if the handler has failed finally.</summary>
    /// <param name="failure">The exception of the handler; <see langword="null"/> if it returned.</param>
    /// <param name="wasOver">Whether the attempt had ended when the handler threw the exception.</param>
    /// <param name="isLast">Whether any failure of this attempt fails the run.</param>
    /// <returns>The verdict; <see langword="null"/> if the handler's own response or exception is used.</returns>
    public async Task<AttemptVerdict?> EndAsync(Exception? failure, bool wasOver, bool isLast)
    {
        // Executing branches can store their outcomes before the attempt ends, so that they are not executed again.
        // Waiting branches are irrelevant.
        _handlerEnded = true;
        await activity.DrainAsync().ConfigureAwait(false);
        activity.Release();
        if (IsRunsEnd(failure, wasOver, isLast)) await RegisteredAsync().ConfigureAwait(false);
        _names.Close();
        if (failure is StepUsageException misuse) _log.Misused(run, misuse);

        // The failure of a step is known here. Another branch that still waits cannot revert it.
        if (Override is { } verdict && !(verdict.IsSuspended && IsForGood(failure))) return verdict;
        if (failure is CheckpointException checkpoint) return AttemptVerdict.Failed(checkpoint, options.ErrorDetails);
        try
        {
            if (await CauseAsync(failure, wasOver, isLast).ConfigureAwait(false) is not { } cause) return Override;
            var failures = await CompensateAsync().ConfigureAwait(false);
            if (gateway is not null || IsForGood(failure)) return AttemptVerdict.FailedForGood(cause, failures, options.ErrorDetails);
            if (failures.Count > 0) throw new AggregateException("The handler and compensations failed.", [failure!, .. failures]);
            return null;
        }
        catch (Exception e) when (e is CheckpointException or AttemptOverException && Override is not null)
        {
            return Override;
        }
    }

    private static bool IsForGood(Exception? failure) => failure is StepFailedException or NonRetryableException or StepUsageException;

    /// <summary>
    /// Whether the exception of the handler is the end of the attempt, not a failure. A cancelled handler may throw any exception, because
    /// libraries have their own. The failure of a step is already stored.
    /// </summary>
    private static bool IsCancellation(Exception failure, bool wasOver) =>
        wasOver && !StatesFailure(failure) && failure is not (StepFailedException or StepUsageException);

    /// <summary>Whether the run will fail or roll back, as far as known before all branches have ended.</summary>
    private bool IsRunsEnd(Exception? failure, bool wasOver, bool isLast)
    {
        if (stored.Peek(StepNames.RollbackBegun) is not null) return true;
        if (failure is null or CheckpointException or AttemptOverException || IsCancellation(failure, wasOver)) return false;
        return IsForGood(failure) || isLast || gateway is null;
    }

    /// <summary>Waits until the remaining branches of the handler have registered their compensations.</summary>
    /// <remarks>The branches get stored outcomes, but start no further step.</remarks>
    private async Task RegisteredAsync()
    {
        await activity.GoneOnAsync().ConfigureAwait(false);

        // The SDK cannot see what a branch does outside of steps. It may be between its step and the registration, or before its step.
        if (activity.HasLeftBehind || stored.HasUnasked || stored.Peek(StepNames.RollbackBegun) is not null)
            await activity.QuietAsync(over.Token).ConfigureAwait(false);
        _names.Close();
        await activity.GoneOnAsync().ConfigureAwait(false);
    }

    /// <summary>The reason of the final failure, if there is one.</summary>
    private async Task<StepProblem?> CauseAsync(Exception? failure, bool wasOver, bool isLast)
    {
        // A run that has started its rollback cannot continue, even if the failed step would succeed now.
        var begun = _compensations.Count > 0 && gateway is not null
            ? await stored.FindAsync(StepNames.RollbackBegun, StepTypes.Run, over.Token).ConfigureAwait(false)
            : stored.Peek(StepNames.RollbackBegun);
        if (begun is not null) return StepProblem.Parse(begun.Body);
        if (failure is null || IsCancellation(failure, wasOver)) return null;
        var rollsBack = _compensations.Count > 0 && gateway is not null;
        if (failure is StepFailedException failed)
        {
            // The failure is stored, so each replay fails at the same place,
            // unless another branch may have advanced further by then.
            var problem = failed.Problem.At(failed.Step);
            return rollsBack && (activity.HasParked || activity.HasLeftBehind)
                ? await BeginRollbackAsync(problem).ConfigureAwait(false)
                : problem;
        }

        if (!IsForGood(failure) && (_compensations.Count == 0 || !(isLast || gateway is null))) return null;
        var own = failure is StepUsageException misuse ? StepProblem.Of(misuse) : StepProblem.Of(failure, withStack: false);
        return rollsBack ? await BeginRollbackAsync(own).ConfigureAwait(false) : own;
    }

    /// <summary>
    /// Stores the reason of the rollback. Otherwise, a replay whose handler does not fail would continue with compensated steps.
    /// </summary>
    private async Task<StepProblem> BeginRollbackAsync(StepProblem problem)
    {
        var id = StepNames.RollbackBegun;
        var kept = problem.Shortened();
        try
        {
            await StoreFailureAsync(id, Final(kept, TimeSpan.Zero, null), kept, new StepFailedException(id, kept),
                StepContent.Nothing.Instance).ConfigureAwait(false);
        }
        catch (StepFailedException e)
        {
            return ReferenceEquals(e.Problem, kept) ? problem : e.Problem;
        }
        catch (CheckpointException e)
        {
            Fail(e);
            throw;
        }

        return problem;
    }

    /// <summary>Executes the compensations in reverse order. A final failure of one does not stop the others.</summary>
    private async Task<List<StepFailedException>> CompensateAsync()
    {
        var failures = new List<StepFailedException>();
        (string Id, Func<CancellationToken, Task> Body, StepOptions? How)[] registered;
        lock (_lock) registered = [.. _compensations];
        foreach (var (id, body, how) in Enumerable.Reverse(registered))
        {
            _names.EnterReserved(id);
            try
            {
                await BeginAsync(
                    id, StepTypes.Run, Role.Compensation, _ => StepContent.Nothing.Instance,
                    (_, content) => ExecuteAsync(id, token => GivingNothingAsync(body, token), content, how, CancellationToken.None),
                    CancellationToken.None).ConfigureAwait(false);
            }
            catch (StepFailedException e)
            {
                failures.Add(e);
            }
            catch (StepUsageException e)
            {
                _log.Misused(run, e);
                failures.Add(new StepFailedException(id, StepProblem.Of(e), e));
            }
        }

        return failures;
    }
}
