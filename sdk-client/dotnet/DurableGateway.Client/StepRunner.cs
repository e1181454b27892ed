using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Net;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>The steps of one attempt.</summary>
internal sealed class StepRunner(
    RunInfo run, GatewayClient? gateway, Dictionary<string, StepOutcome> known, bool complete, DurableStepsOptions options, CancellationTokenSource over) : IStep
{
    private const int MaxIdBytes = 256;
    private const int SmallProblemBytes = 1024;
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>The step whose body is executing here, so that a step inside it is noticed.</summary>
    private static readonly AsyncLocal<(StepRunner Runner, string Step)?> Inside = new();

    private readonly object _gate = new();
    private readonly Dictionary<string, int> _uses = new(StringComparer.Ordinal);
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
    private readonly HashSet<string> _executing = new(StringComparer.Ordinal);
    private TaskCompletionSource<bool>? _idle;
    private bool _closed;
    private Task<Dictionary<string, StepOutcome>>? _rest;
    private AttemptVerdict? _override;

    public RunInfo Run => run;

    /// <summary>What the host must answer, whatever the handler makes of it.</summary>
    public AttemptVerdict? Override => Volatile.Read(ref _override);

    public Task<T> RunAsync<T>(string name, Func<CancellationToken, Task<T>> body, CancellationToken cancellationToken = default)
    {
        if (body is null) throw new ArgumentNullException(nameof(body));
        return ExecuteAsync(name, body, id => StepContent.For<T>(id, options.JsonOrDefault), cancellationToken);
    }

    public Task<T> RunAsync<T>(string name, Func<CancellationToken, Task<T>> body, JsonTypeInfo<T> type, CancellationToken cancellationToken = default)
    {
        if (body is null) throw new ArgumentNullException(nameof(body));
        if (type is null) throw new ArgumentNullException(nameof(type));
        return ExecuteAsync(name, body, _ => new JsonContent<T>(type), cancellationToken);
    }

    public Task RunAsync(string name, Func<CancellationToken, Task> body, CancellationToken cancellationToken = default)
    {
        if (body is null) throw new ArgumentNullException(nameof(body));
        return ExecuteAsync(name, Then, _ => StepContent.Nothing.Instance, cancellationToken);

        async Task<bool> Then(CancellationToken token)
        {
            await body(token).ConfigureAwait(false);
            return true;
        }
    }

    public Task SleepAsync(string name, TimeSpan time, CancellationToken cancellationToken = default)
    {
        if (time < TimeSpan.Zero) throw new ArgumentOutOfRangeException(nameof(time), time, "A sleep is not negative.");
        return SleepCoreAsync(name, SleepWrite.For(time), () => time, cancellationToken);
    }

    public Task SleepUntilAsync(string name, DateTimeOffset time, CancellationToken cancellationToken = default) =>
        SleepCoreAsync(name, SleepWrite.Until(time), () => time - DateTimeOffset.UtcNow, cancellationToken);

    private Task<bool> SleepCoreAsync(string name, SleepWrite write, Func<TimeSpan> left, CancellationToken cancellationToken) => StepAsync(name, _ => StepContent.Nothing.Instance, async (id, content) =>
    {
        if (gateway is null)
        {
            var time = left();
            if (time > TimeSpan.Zero) await Task.Delay(time, cancellationToken).ConfigureAwait(false);
            return true;
        }

        using var response = await gateway.PutAsync(id, write).ConfigureAwait(false);
        return await ActOnAsync(id, response, content).ConfigureAwait(false);
    });

    /// <summary>Lets no further step begin, and completes when none is executing.</summary>
    public Task DrainAsync()
    {
        lock (_gate)
        {
            _closed = true;
            if (_executing.Count == 0) return Task.CompletedTask;
            _idle ??= new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    private Task<T> ExecuteAsync<T>(string name, Func<CancellationToken, Task<T>> body, Func<string, StepContent<T>> contentOf, CancellationToken cancellationToken) =>
        StepAsync(name, contentOf, async (id, content) =>
        {
            using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
            var watch = Stopwatch.StartNew();
            T result;
            byte[] bytes;
            try
            {
                result = await BodyAsync(id, body, cancellation.Token).ConfigureAwait(false);
                result = await content.ReceiveAsync(id, result, cancellation.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (IsFailure(e, cancellation.Token))
            {
                return await FailAsync(id, e, watch.Elapsed, content).ConfigureAwait(false);
            }

            try
            {
                (bytes, result) = await content.WriteAsync(result).ConfigureAwait(false);
            }
            catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
            {
                throw new StepUsageException(
                    $"The result of step '{id}' ({typeof(T)}) cannot be written as JSON: {e.Message} The step was executed, and its outcome is not stored. "
                    + "Return plain data from the step: a record of what the rest of the handler needs.", e);
            }

            return await CompleteAsync(id, result, bytes, watch.Elapsed, content).ConfigureAwait(false);
        });

    /// <summary>What all kinds of steps have in common: a name of their own, and a stored outcome that is used where there is one.</summary>
    private async Task<T> StepAsync<T>(string name, Func<string, StepContent<T>> contentOf, Func<string, StepContent<T>, Task<T>> begin)
    {
        var id = Enter(name);
        try
        {
            over.Token.ThrowIfCancellationRequested();
            var content = contentOf(id);

            // The body is the handler's code, and begins in the handler's context (HttpContext.Current on .NET Framework).
            if (await FindAsync(id).ConfigureAwait(true) is { } stored) return Use(id, stored, content);
            ThrowIfEnding(id);
            return await begin(id, content).ConfigureAwait(true);
        }
        catch (CheckpointException e)
        {
            // Its effect may not be stored, so nothing that the handler makes of it may count as the run's result.
            Overrule(AttemptVerdict.Failed(e));
            throw;
        }
        finally
        {
            Leave(id);
        }
    }

    private async Task<T> BodyAsync<T>(string id, Func<CancellationToken, Task<T>> body, CancellationToken cancellationToken)
    {
        // Set here and not in the caller: what an async method sets does not flow out of it.
        Inside.Value = (this, id);
        return await body(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether an exception of a body is the step's failure, and not the attempt's end or an error in the handler.</summary>
    private static bool IsFailure(Exception e, CancellationToken cancellation) =>
        e is not (StepUsageException or AttemptOverException or CheckpointException)
        && !(e is OperationCanceledException && cancellation.IsCancellationRequested);

    private async Task<T> CompleteAsync<T>(string id, T result, byte[] bytes, TimeSpan duration, StepContent<T> content)
    {
        if (gateway is null) return result;
        var write = new StepWrite { ContentType = content.ContentType, Body = bytes, Duration = duration };
        using var response = await gateway.PutAsync(id, write).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.Created) return result;
        if (response.StatusCode != HttpStatusCode.RequestEntityTooLarge) return await ActOnAsync(id, response, content).ConfigureAwait(false);
        var problem = StepProblem.Of("The step's result is too large", $"The result has {bytes.Length} bytes, more than the route's policy allows (MaxStepBytes).");
        return await StoreFailureAsync(id, problem, new StepFailedException(id, problem), noRetry: true, null, duration, content).ConfigureAwait(false);
    }

    private Task<T> FailAsync<T>(string id, Exception e, TimeSpan duration, StepContent<T> content)
    {
        var problem = StepProblem.Of(e, options.StackTraces);
        return StoreFailureAsync(
            id, problem, new StepFailedException(id, problem, e), e is NonRetryableException, (e as RetryAfterException)?.Delay, duration, content);
    }

    private async Task<T> StoreFailureAsync<T>(
        string id, StepProblem problem, StepFailedException failure, bool noRetry, TimeSpan? retryAfter, TimeSpan duration, StepContent<T> content)
    {
        if (gateway is null) throw failure;
        var write = new StepWrite
        {
            Failed = true,
            NoRetry = noRetry,
            RetryAfter = retryAfter,
            ContentType = StepProblem.ContentType,
            Body = problem.ToJson(),
            Duration = duration,
        };
        using var response = await gateway.PutAsync(id, write).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.Created) throw failure;
        if (response.StatusCode == HttpStatusCode.RequestEntityTooLarge && write.Body.Length > SmallProblemBytes)
        {
            var small = problem.Shortened();
            return await StoreFailureAsync(id, small, new StepFailedException(id, small, failure.InnerException), noRetry: true, null, duration, content).ConfigureAwait(false);
        }

        return await ActOnAsync(id, response, content).ConfigureAwait(false);
    }

    /// <summary>Every answer but the plain <c>201</c>.</summary>
    private async Task<T> ActOnAsync<T>(string id, HttpResponseMessage response, StepContent<T> content)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.OK:
                var failed = response.Headers.TryGetValues(DurableHeaders.StepOutcome, out var values) && string.Concat(values) == "failed";
                var type = response.Content.Headers.ContentType?.ToString() ?? StepContent.JsonType;
                return Use(id, new StepOutcome(failed, type, await GatewayClient.ReadAsync(response).ConfigureAwait(false)), content);

            case HttpStatusCode.Accepted:
                Overrule(AttemptVerdict.Suspended);
                throw new RunSuspendedException(id);

            case HttpStatusCode.Conflict or HttpStatusCode.Gone:
                var refused = await GatewayClient.RefusedAsync($"Step '{id}'", response).ConfigureAwait(false);
                var abandoned = new RunAbandonedException(refused.Message);
                Overrule(AttemptVerdict.Abandoned(abandoned));
                over.Cancel();
                throw abandoned;

            default:
                throw await GatewayClient.RefusedAsync($"Step '{id}'", response).ConfigureAwait(false);
        }
    }

    private static T Use<T>(string id, StepOutcome stored, StepContent<T> content)
    {
        if (stored.Failed) throw new StepFailedException(id, StepProblem.Parse(stored.Body));
        try
        {
            return content.Read(stored.Body);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new CheckpointException(
                $"The stored result of step '{id}' cannot be read as {typeof(T)}: {e.Message} Has its type changed since it was stored? "
                + "Give the step a new name when its result's shape changes, or keep reading the old one.", e);
        }
    }

    /// <summary>The stored outcome of a step, if there is one. Those that did not fit into the header are read once.</summary>
    private async Task<StepOutcome?> FindAsync(string id)
    {
        if (known.TryGetValue(id, out var outcome)) return outcome;
        if (complete) return null;
        Task<Dictionary<string, StepOutcome>> rest;
        lock (_gate) rest = _rest ??= gateway!.GetStepsAsync(over.Token);
        return (await rest.ConfigureAwait(false)).TryGetValue(id, out outcome) ? outcome : null;
    }

    /// <summary>Gives the step its id. Nothing of it has happened yet where this throws.</summary>
    private string Enter(string name)
    {
        if (string.IsNullOrEmpty(name)) throw new StepUsageException("A step has no name. Give each step a name of its own: the stored outcome is found by it.");
        if (Inside.Value is { } outer && outer.Runner == this)
        {
            throw new StepUsageException(
                $"Step '{name}' begins inside step '{outer.Step}'. Steps do not nest, because the outer one's stored outcome would hide the inner one. "
                + "Begin it after the other, and pass results along.");
        }

        lock (_gate)
        {
            if (_closed) throw new StepUsageException($"Step '{name}' begins when the handler has ended. Await every step in the handler.");
            _uses.TryGetValue(name, out var uses);
            if (uses > 0 && _executing.Contains(IdOf(name, uses)))
            {
                throw new StepUsageException(
                    $"Two steps named '{name}' run at the same time, so a replay could not tell which is which. Give each its own name, such as '{name}-' "
                    + "and the item's id.");
            }

            var id = IdOf(name, uses + 1);
            if (id is "." or ".." || !IsWithinBytes(id))
                throw new StepUsageException($"'{name}' cannot be the name of a step. A name is at most {MaxIdBytes} bytes of UTF-8, and not '.' or '..'.");
            if (!_ids.Add(id)) throw new StepUsageException($"The name '{name}' was made to look like the {uses + 1}. use of another. Do not use names that end in '#' and a number.");
            _uses[name] = uses + 1;
            _executing.Add(id);
            return id;
        }
    }

    private static bool IsWithinBytes(string id)
    {
        try
        {
            return StrictUtf8.GetByteCount(id) <= MaxIdBytes;
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }

    /// <summary>What has an outcome is returned still; nothing new begins in an attempt whose end is decided.</summary>
    private void ThrowIfEnding(string id)
    {
        if (Override is not { } verdict) return;
        throw verdict.StatusCode switch
        {
            202 => new RunSuspendedException(id),
            503 => new RunAbandonedException($"Step '{id}' does not begin: the attempt is over."),
            _ => new CheckpointException($"Step '{id}' does not begin: an earlier checkpoint of this attempt failed."),
        };
    }

    private static string IdOf(string name, int use) => use == 1 ? name : $"{name}#{use}";

    private void Leave(string id)
    {
        lock (_gate)
        {
            _executing.Remove(id);
            if (_executing.Count == 0) _idle?.TrySetResult(true);
        }
    }

    /// <summary>The worst that was seen decides. Abandoned is final; a failed checkpoint outweighs a step that waits.</summary>
    private void Overrule(AttemptVerdict verdict)
    {
        lock (_gate)
        {
            if (_override is null || _override.StatusCode < verdict.StatusCode) Volatile.Write(ref _override, verdict);
        }
    }
}
