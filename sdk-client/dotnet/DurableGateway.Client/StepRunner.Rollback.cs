using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>What is undone when the handler fails for good.</summary>
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
        lock (_gate) _compensations.Add((id, compensation, options));
        activity.Touch();
    }

    /// <summary>Ends the attempt: waits for what is executing, and rolls back where the handler has failed for good.</summary>
    /// <param name="failure">What the handler threw; <see langword="null"/> where it returned.</param>
    /// <param name="wasOver">Whether the attempt was over when it threw that.</param>
    /// <param name="isLast">Whether any failure of this attempt is the run's.</param>
    /// <returns>What to answer; <see langword="null"/> where what the handler did stands.</returns>
    public async Task<AttemptVerdict?> EndAsync(Exception? failure, bool wasOver, bool isLast)
    {
        // Branches that still run may checkpoint before the attempt ends, so that they need not run again.
        // Those that wait do not matter any more.
        _handlerEnded = true;
        await activity.DrainAsync().ConfigureAwait(false);
        activity.Release();
        if (IsRunsEnd(failure, wasOver, isLast)) await RegisteredAsync().ConfigureAwait(false);
        _names.Close();
        if (failure is StepUsageException misuse) _log.Misused(run, misuse);

        // The failure of a step is known by now, and another branch that still waits cannot take it back.
        if (Override is { } verdict && !(verdict.IsSuspended && IsForGood(failure))) return verdict;
        if (failure is CheckpointException checkpoint) return AttemptVerdict.Failed(checkpoint, options.ErrorDetails);
        try
        {
            if (await CauseAsync(failure, wasOver, isLast).ConfigureAwait(false) is not { } cause) return Override;
            var failures = await CompensateAsync().ConfigureAwait(false);
            if (gateway is not null || IsForGood(failure)) return AttemptVerdict.FailedForGood(cause, failures, options.ErrorDetails);
            if (failures.Count > 0) throw new AggregateException("The handler failed, and so did compensations.", [failure!, .. failures]);
            return null;
        }
        catch (Exception e) when (e is CheckpointException or AttemptOverException && Override is not null)
        {
            return Override;
        }
    }

    private static bool IsForGood(Exception? failure) => failure is StepFailedException or NonRetryableException or StepUsageException;

    /// <summary>
    /// Whether what the handler threw is the end of its attempt, and not a failure. A handler that is cancelled may throw anything:
    /// libraries have exceptions of their own for it. The failure of a step is stored already.
    /// </summary>
    private static bool IsCancellation(Exception failure, bool wasOver) =>
        wasOver && !StatesFailure(failure) && failure is not (StepFailedException or StepUsageException);

    /// <summary>Whether the run is going to fail, or to be rolled back, as far as it can be told before all branches are known.</summary>
    private bool IsRunsEnd(Exception? failure, bool wasOver, bool isLast)
    {
        if (stored.Peek(StepNames.RollbackBegun) is not null) return true;
        if (failure is null or CheckpointException or AttemptOverException || IsCancellation(failure, wasOver)) return false;
        return IsForGood(failure) || isLast || gateway is null;
    }

    /// <summary>Waits until the branches that the handler has left behind have registered how what they have done is undone.</summary>
    /// <remarks>They get the outcomes that are stored, and begin no further step.</remarks>
    private async Task RegisteredAsync()
    {
        await activity.GoneOnAsync().ConfigureAwait(false);

        // What a branch does besides steps cannot be seen. It may be between its step and the registration, or on the way to its step.
        if (activity.HasLeftBehind || stored.HasUnasked || stored.Peek(StepNames.RollbackBegun) is not null)
            await activity.QuietAsync(over.Token).ConfigureAwait(false);
        _names.Close();
        await activity.GoneOnAsync().ConfigureAwait(false);
    }

    /// <summary>Why the run has failed for good, if it has.</summary>
    private async Task<StepProblem?> CauseAsync(Exception? failure, bool wasOver, bool isLast)
    {
        // A run that has begun to roll back cannot go on, even if what failed would succeed now.
        var begun = _compensations.Count > 0 && gateway is not null
            ? await stored.FindAsync(StepNames.RollbackBegun, StepTypes.Run, over.Token).ConfigureAwait(false)
            : stored.Peek(StepNames.RollbackBegun);
        if (begun is not null) return StepProblem.Parse(begun.Body);
        if (failure is null || IsCancellation(failure, wasOver)) return null;
        var rollsBack = _compensations.Count > 0 && gateway is not null;
        if (failure is StepFailedException failed)
        {
            // It is stored already, and each replay fails by it at the same place.
            // Not so where another branch may have come further by then.
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
    /// Stores why the run is rolled back. Without it a replay whose handler does not fail again would go on with what has been undone.
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

    /// <summary>Executes the compensations, the last one first. One that fails for good does not stop the others.</summary>
    private async Task<List<StepFailedException>> CompensateAsync()
    {
        var failures = new List<StepFailedException>();
        (string Id, Func<CancellationToken, Task> Body, StepOptions? How)[] registered;
        lock (_gate) registered = [.. _compensations];
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
