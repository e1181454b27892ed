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
                $"The compensation '{name}' is registered inside step '{outer.Step}', which a replay does not execute. Register it after the step.");
        }

        var id = _names.Reserve(name);
        stored.MakeOptional(id);
        lock (_gate) _compensations.Add((id, compensation, options));
    }

    /// <summary>Ends the attempt: waits for what is executing, and rolls back where the handler has failed for good.</summary>
    /// <param name="failure">What the handler threw; <see langword="null"/> where it returned.</param>
    /// <param name="isLast">Whether any failure of this attempt is the run's.</param>
    /// <returns>What to answer; <see langword="null"/> where what the handler did stands.</returns>
    public async Task<AttemptVerdict?> EndAsync(Exception? failure, bool isLast)
    {
        // Branches that still run may checkpoint before the attempt ends, so that they need not run again.
        await _names.DrainAsync().ConfigureAwait(false);
        if (Override is { } verdict) return verdict;
        if (failure is CheckpointException checkpoint) return AttemptVerdict.Failed(checkpoint);
        try
        {
            if (await CauseAsync(failure, isLast).ConfigureAwait(false) is not { } cause) return Override;
            var failures = await CompensateAsync().ConfigureAwait(false);
            if (gateway is not null || IsForGood(failure)) return AttemptVerdict.FailedForGood(cause.Problem, cause.Step, failures);
            if (failures.Count > 0) throw new AggregateException("The handler failed, and so did compensations.", [failure!, .. failures]);
            return null;
        }
        catch (Exception e) when (e is CheckpointException or AttemptOverException && Override is not null)
        {
            return Override;
        }
    }

    private static bool IsForGood(Exception? failure) => failure is StepFailedException or NonRetryableException or StepUsageException;

    /// <summary>Why the run has failed for good, if it has.</summary>
    private async Task<(StepProblem Problem, string? Step)?> CauseAsync(Exception? failure, bool isLast)
    {
        // A run that has begun to roll back cannot go on, even if what failed would succeed now.
        var begun = _compensations.Count > 0 && gateway is not null
            ? await stored.FindAsync(StepNames.RollbackBegun, StepTypes.Run, over.Token).ConfigureAwait(false)
            : stored.Peek(StepNames.RollbackBegun);
        if (begun is not null) return (StepProblem.Parse(begun.Body), null);
        if (failure is null || (failure is OperationCanceledException && over.IsCancellationRequested)) return null;

        // The failure of a step is stored already.
        if (failure is StepFailedException failed) return (failed.Problem, failed.Step);
        if (!IsForGood(failure) && (_compensations.Count == 0 || !(isLast || gateway is null))) return null;
        var problem = failure is StepUsageException ? StepProblem.Of("A durable step is used wrongly", failure.Message) : StepProblem.Of(failure, withStack: false);
        if (_compensations.Count == 0 || gateway is null) return (problem, null);
        return (await BeginRollbackAsync(problem.Shortened(), problem).ConfigureAwait(false), null);
    }

    /// <summary>
    /// Stores why the run is rolled back. Without it a replay whose handler does not fail again would go on with what has been undone.
    /// </summary>
    private async Task<StepProblem> BeginRollbackAsync(StepProblem kept, StepProblem problem)
    {
        var id = StepNames.RollbackBegun;
        try
        {
            await StoreFailureAsync(id, Final(kept, TimeSpan.Zero, null), kept, new StepFailedException(id, kept), StepContent.Nothing.Instance).ConfigureAwait(false);
        }
        catch (StepFailedException e)
        {
            return ReferenceEquals(e.Problem, kept) ? problem : e.Problem;
        }
        catch (CheckpointException e)
        {
            Overrule(AttemptVerdict.Failed(e));
            throw;
        }

        return problem;
    }

    /// <summary>Executes the compensations, the last one first. One that fails for good does not stop the others.</summary>
    private async Task<List<StepFailedException>> CompensateAsync()
    {
        var failures = new List<StepFailedException>();
        foreach (var (id, body, how) in Enumerable.Reverse(_compensations))
        {
            _names.EnterReserved(id);
            try
            {
                await BeginAsync(
                    id, StepTypes.Run, Role.Compensation, _ => StepContent.Nothing.Instance,
                    (_, content) => ExecuteAsync(id, token => GivingNothingAsync(body, token), content, how, CancellationToken.None)).ConfigureAwait(false);
            }
            catch (StepFailedException e)
            {
                failures.Add(e);
            }
            catch (StepUsageException e)
            {
                failures.Add(new StepFailedException(id, StepProblem.Of("A durable step is used wrongly", e.Message), e));
            }
        }

        return failures;
    }
}
