using System;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;

namespace DurableGateway.Client;

/// <summary>The steps of one attempt: the start of each, and the steps that execute a body.</summary>
/// <param name="run">The run and the attempt.</param>
/// <param name="gateway">The client to store outcomes; <see langword="null"/> without a gateway.</param>
/// <param name="stored">The outcomes of earlier attempts.</param>
/// <param name="activity">The executing and parked steps.</param>
/// <param name="options">The options of the steps.</param>
/// <param name="egressToken">What calls to the egress listener of the gateway have; <see langword="null"/> if it has none.</param>
/// <param name="over">Cancelled when the attempt ends.</param>
/// <param name="aborted">Cancelled when the request is cancelled. It cancels <paramref name="over"/>; the handler may see it
/// earlier.</param>
internal sealed partial class StepRunner(
    RunInfo run, GatewayClient? gateway, StoredSteps stored, StepActivity activity, DurableStepsOptions options,
    string? egressToken, CancellationTokenSource over, CancellationToken aborted) : IStep
{
    /// <summary>The step whose body is executing in this context, to detect nested steps.</summary>
    private static readonly AsyncLocal<(StepRunner Runner, string Step)?> Inside = new();

    private readonly object _lock = new();
    private readonly StepNames _names = new(activity);
    private readonly ILogger _log = options.Log;
    private AttemptVerdict? _override;
    private volatile bool _handlerEnded;

    /// <summary>The origin of a step, which determines the conditions for its start.</summary>
    private enum Role
    {
        Handler,
        HandOut,
        Compensation,
    }

    public RunInfo Run => run;

    /// <summary>Whether the attempt has ended.</summary>
    public bool IsOver => over.IsCancellationRequested || aborted.IsCancellationRequested;

    /// <summary>The verdict that overrides the response of the handler.</summary>
    public AttemptVerdict? Override => Volatile.Read(ref _override) ?? (activity.IsSuspended ? AttemptVerdict.Suspended : null);

    public Task<T> RunAsync<T>(string name, Func<CancellationToken, Task<T>> body, CancellationToken cancellationToken = default) =>
        RunAsync(name, body, (StepOptions?)null, cancellationToken);

    public Task<T> RunAsync<T>(
        string name, Func<CancellationToken, Task<T>> body, StepOptions? options, CancellationToken cancellationToken = default)
    {
        if (body is null) throw new ArgumentNullException(nameof(body));
        return ExecuteAsync(name, (_, token) => body(token), ContentOf<T>, options, cancellationToken);
    }

    public Task<T> RunAsync<T>(
        string name, Func<CancellationToken, Task<T>> body, JsonTypeInfo<T> type, CancellationToken cancellationToken = default) =>
        RunAsync(name, body, type, null, cancellationToken);

    public Task<T> RunAsync<T>(
        string name, Func<CancellationToken, Task<T>> body, JsonTypeInfo<T> type, StepOptions? options,
        CancellationToken cancellationToken = default)
    {
        if (body is null) throw new ArgumentNullException(nameof(body));
        if (type is null) throw new ArgumentNullException(nameof(type));
        return ExecuteAsync(name, (_, token) => body(token), id => new JsonContent<T>(id, type), options, cancellationToken);
    }

    public Task RunAsync(string name, Func<CancellationToken, Task> body, CancellationToken cancellationToken = default) =>
        RunAsync(name, body, (StepOptions?)null, cancellationToken);

    public Task RunAsync(
        string name, Func<CancellationToken, Task> body, StepOptions? options, CancellationToken cancellationToken = default)
    {
        if (body is null) throw new ArgumentNullException(nameof(body));
        return ExecuteAsync(name, (_, token) => GivingNothingAsync(body, token),
            _ => StepContent.Nothing.Instance, options, cancellationToken);
    }

    private static async Task<bool> GivingNothingAsync(Func<CancellationToken, Task> body, CancellationToken token)
    {
        await body(token).ConfigureAwait(false);
        return true;
    }

    private StepContent<T> ContentOf<T>(string id) => StepContent.For<T>(id, options.JsonOrDefault);

    private Task<T> ExecuteAsync<T>(
        string name, Func<string, CancellationToken, Task<T>> body, Func<string, StepContent<T>> contentOf, StepOptions? how,
        CancellationToken cancellationToken) =>
        BeginAsync(name, StepTypes.Run, contentOf,
            (id, content) => ExecuteAsync(id, token => body(id, token), content, how, cancellationToken), cancellationToken);

    /// <summary>
    /// The common part of all types of steps: assigns the id, and returns the stored outcome if there is one.
    /// </summary>
    /// <remarks>
    /// Not an async method, because the context of the handler's code records the order of the steps (<see cref="StepFlow"/>).
    /// </remarks>
    private Task<T> BeginAsync<T>(
        string name, string type, Func<string, StepContent<T>> contentOf, Func<string, StepContent<T>, Task<T>> begin,
        CancellationToken cancellationToken)
    {
        string id;
        try
        {
            ThrowIfInside(name);
            id = _names.Enter(name);
        }
        catch (StepUsageException e)
        {
            return Task.FromException<T>(e);
        }

        return StepCompletion<T>.Of(BeginAsync(id, type, Role.Handler, contentOf, begin, cancellationToken), () => activity.WentOn(id));
    }

    private async Task<T> BeginAsync<T>(
        string id, string type, Role role, Func<string, StepContent<T>> contentOf, Func<string, StepContent<T>, Task<T>> begin,
        CancellationToken cancellationToken)
    {
        try
        {
            over.Token.ThrowIfCancellationRequested();
            var content = contentOf(id);

            // Start the body in the handler's context (HttpContext.Current on .NET Framework).

            // If a callback's URL could not be handed out, each replay fails in the same way, even if the callback is called later.
            if (type == StepTypes.Callback && await stored.FindAsync(StepNames.HandOutOf(id), StepTypes.Run,
                over.Token).ConfigureAwait(true) is { Failed: true } unsent)
                return Use(StepNames.HandOutOf(id), unsent, content);
            if (await stored.FindAsync(id, type, over.Token).ConfigureAwait(true) is { } outcome)
            {
                _log.StepIsStored(run, id);
                return Use(id, outcome, content);
            }

            ThrowIfEnding(id, role);
            return await begin(id, content).ConfigureAwait(true);
        }
        catch (StepPendingException) when (role != Role.Compensation)
        {
            // The other branches continue. This one waits for the end of the attempt.
            _log.StepIsPending(run, id);
            await activity.ParkAsync(id, role == Role.HandOut ? StepNames.CallbackOf(id) : null, cancellationToken).ConfigureAwait(false);
            throw;
        }
        catch (StepPendingException)
        {
            Overrule(AttemptVerdict.Suspended);
            throw new RunSuspendedException(id);
        }
        catch (CheckpointException e)
        {
            // The outcome may not be stored, so a response of the handler must not become the run's result.
            Fail(e);
            throw;
        }
        finally
        {
            _names.Leave(id, goesOn: role == Role.Handler);
        }
    }

    private async Task<T> ExecuteAsync<T>(
        string id, Func<CancellationToken, Task<T>> body, StepContent<T> content, StepOptions? how, CancellationToken cancellationToken)
    {
        if (how?.AtMostOnce == true && gateway is not null)
        {
            using var begun = await gateway.PutAsync(id, StartedWrite.Instance).ConfigureAwait(true);
            if (begun.StatusCode != HttpStatusCode.Created) return await ActOnAsync(id, begun, content).ConfigureAwait(false);
        }

        // With a gateway, a failed try that is retried suspends the attempt. Without a gateway, retry here.
        for (var tries = 1; gateway is null && tries < how?.LocalAttempts; tries++)
        {
            try
            {
                return await TryAsync(id, body, content, how, cancellationToken).ConfigureAwait(true);
            }
            catch (StepFailedException e) when (e.InnerException is not NonRetryableException)
            {
                await options.DelayAsync(how!.LocalDelayAfter(tries, RetryAfterOf(e.InnerException)),
                    cancellationToken).ConfigureAwait(true);
            }
        }

        return await TryAsync(id, body, content, how, cancellationToken).ConfigureAwait(true);
    }

    private async Task<T> TryAsync<T>(
        string id, Func<CancellationToken, Task<T>> body, StepContent<T> content, StepOptions? how, CancellationToken cancellationToken)
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
        using var patience = how?.Timeout is { } timeout ? options.CancelAfter(timeout) : null;
        using var either = patience is null ? null : CancellationTokenSource.CreateLinkedTokenSource(cancellation.Token, patience.Token);
        var token = (either ?? cancellation).Token;
        var start = options.GetTimestamp();
        T result;
        byte[] bytes;
        _log.StepIsExecuting(run, id);
        try
        {
            result = await BodyAsync(id, body, token).ConfigureAwait(false);
            result = await content.ReceiveAsync(id, result, token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (patience?.IsCancellationRequested == true && IsFailure(e, cancellation.Token))
        {
            var late = new TimeoutException(
                $"The step did not finish within its timeout of {StructuredField.Seconds(how!.Timeout!.Value)} s.", e);
            return await FailAsync(id, late, options.GetElapsedTime(start), content, how).ConfigureAwait(false);
        }
        catch (Exception e) when (IsFailure(e, cancellation.Token))
        {
            return await FailAsync(id, e, options.GetElapsedTime(start), content, how).ConfigureAwait(false);
        }
        catch (Exception e) when (!IsOfSteps(e) && e is not OperationCanceledException)
        {
            throw new OperationCanceledException($"Step '{id}' was cancelled: {e.Message}", e, cancellation.Token);
        }

        try
        {
            (bytes, result) = await content.WriteAsync(result).ConfigureAwait(false);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new StepUsageException(
                $"The result of step '{id}' ({typeof(T)}) cannot be serialized to JSON and deserialized: {e.Message} "
                + "The step was executed, but its outcome is not stored. "
                + "Return plain data from the step: a record of the data that the rest of the handler needs.", e);
        }

        return await CompleteAsync(id, result, bytes, options.GetElapsedTime(start), content, how).ConfigureAwait(false);
    }

    private async Task<T> BodyAsync<T>(string id, Func<CancellationToken, Task<T>> body, CancellationToken cancellationToken)
    {
        // Set in this async method, so that the value does not flow to the caller.
        Inside.Value = (this, id);
        EgressFlow.Enter(egressToken, isInStep: true);
        return await body(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether an exception of a body is a failure of the step, not the end of the attempt or an error in the handler.</summary>
    /// <remarks>
    /// A cancelled body may throw any exception, because libraries have their own. So the type is not decisive, except for exceptions that
    /// state a failure.
    /// </remarks>
    private bool IsFailure(Exception e, CancellationToken cancellation) =>
        !IsOfSteps(e) && (StatesFailure(e) || !(IsOver || cancellation.IsCancellationRequested));

    private static bool IsOfSteps(Exception e) => e is StepUsageException or AttemptOverException or CheckpointException;

    /// <summary>Whether an exception states a failure. An exception with an inner exception may wrap a cancellation.</summary>
    private static bool StatesFailure(Exception e) =>
        e is NonRetryableException or RetryAfterException or FailedResponseException && e.InnerException is null;

    private static TimeSpan? RetryAfterOf(Exception? e) => (e as RetryAfterException)?.Delay ?? (e as FailedResponseException)?.RetryAfter;

    private void ThrowIfInside(string name)
    {
        if (Inside.Value is not { } outer || outer.Runner != this) return;
        throw new StepUsageException(
            $"Step '{name}' starts inside step '{outer.Step}'. Steps do not nest, because the stored outcome of the outer step "
            + "would hide the inner step. Start one step after the other, and pass results along.");
    }

    /// <summary>Stored outcomes are still returned, but no step starts in an attempt whose end is decided.</summary>
    private void ThrowIfEnding(string id, Role role)
    {
        if (_handlerEnded && role == Role.Handler) throw StepNames.TooLate(id);

        // A suspended attempt may still have failed finally, and then rolls back.
        if (Override is { } verdict && !(verdict.IsSuspended && role == Role.Compensation))
        {
            activity.Refuse();
            throw verdict.StatusCode switch
            {
                202 => new RunSuspendedException(id),
                503 => new RunAbandonedException($"Step '{id}' does not start: the attempt is over."),
                _ => new CheckpointException($"Step '{id}' does not start: an earlier checkpoint of this attempt failed."),
            };
        }

        // All outcomes are known here, and the step has none.
        if (role != Role.Compensation && stored.Peek(StepNames.RollbackBegun) is { } cause)
            throw new StepFailedException(StepNames.RollbackBegun, StepProblem.Parse(cause.Body));
    }

    private void Fail(CheckpointException e)
    {
        if (Override is not { IsSuspended: false }) _log.CheckpointFailed(run, e);
        Overrule(AttemptVerdict.Failed(e, options.ErrorDetails));
    }

    /// <summary>Sets the most severe verdict: abandoned is final, and a failed checkpoint takes precedence over a waiting step.</summary>
    private void Overrule(AttemptVerdict verdict)
    {
        lock (_lock)
        {
            if (_override is null || _override.StatusCode < verdict.StatusCode) Volatile.Write(ref _override, verdict);
        }

        if (!verdict.IsSuspended) activity.Release();
    }
}
