using System;
using System.Net;
using System.Net.Http;
using System.Text.Json;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>Stores and reads outcomes, and handles the answers of the gateway.</summary>
internal sealed partial class StepRunner
{
    private const int SmallProblemBytes = 1024;

    private async Task<T> CompleteAsync<T>(string id, T result, byte[] bytes, TimeSpan duration, StepContent<T> content, StepOptions? how)
    {
        if (gateway is null)
        {
            _log.StepIsCompleted(run, id, duration);
            return result;
        }

        var write = new StepWrite { ContentType = content.ContentType, Body = bytes, Duration = duration };
        using var response = await gateway.PutAsync(id, write).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.Created)
        {
            _log.StepIsCompleted(run, id, duration);
            return result;
        }

        if (response.StatusCode != HttpStatusCode.RequestEntityTooLarge)
            return await ActOnAsync(id, response, content).ConfigureAwait(false);
        var problem = StepProblem.Of("The step's result is too large",
            $"The result has {bytes.Length} bytes, more than the route's policy allows (MaxStepBytes).");
        return await StoreFailureAsync(id, Final(problem, duration, how), problem,
            new StepFailedException(id, problem), content).ConfigureAwait(false);
    }

    private Task<T> FailAsync<T>(string id, Exception e, TimeSpan duration, StepContent<T> content, StepOptions? how)
    {
        var problem = StepProblem.Of(e, options.StackTraces);
        var write = Final(problem, duration, how);
        write.NoRetry = e is NonRetryableException || how?.AtMostOnce == true;
        write.RetryAfter = write.NoRetry ? null : RetryAfterOf(e);
        return StoreFailureAsync(id, write, problem, new StepFailedException(id, problem, e), content);
    }

    private static StepWrite Final(StepProblem problem, TimeSpan duration, StepOptions? how) => new()
    {
        Failed = true,
        NoRetry = true,
        Retry = how?.ToHeader(),
        ContentType = StepProblem.ContentType,
        Body = problem.ToJson(),
        Duration = duration,
    };

    private async Task<T> StoreFailureAsync<T>(
        string id, StepWrite write, StepProblem problem, StepFailedException failure, StepContent<T> content)
    {
        if (gateway is null)
        {
            _log.TryFailed(run, id, write.Duration, failure);
            throw failure;
        }

        using var response = await gateway.PutAsync(id, write).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.Created)
        {
            _log.StepFailed(run, id, write.Duration, failure);
            throw failure;
        }

        if (response.StatusCode == HttpStatusCode.Accepted) _log.TryFailed(run, id, write.Duration, failure);
        if (response.StatusCode == HttpStatusCode.RequestEntityTooLarge && write.Body.Length > SmallProblemBytes)
        {
            var small = problem.Shortened();
            write.Body = small.ToJson();
            write.NoRetry = true;
            write.RetryAfter = null;
            return await StoreFailureAsync(id, write, small, new StepFailedException(id, small, failure.InnerException),
                content).ConfigureAwait(false);
        }

        return await ActOnAsync(id, response, content).ConfigureAwait(false);
    }

    /// <summary>Handles every answer except <c>201</c>.</summary>
    private async Task<T> ActOnAsync<T>(string id, HttpResponseMessage response, StepContent<T> content)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.OK:
                var failed = response.Headers.TryGetValues(DurableHeaders.StepOutcome, out var values) && string.Concat(values) == "failed";
                var type = response.Content.Headers.ContentType?.ToString() ?? StepContent.JsonType;
                return Use(id, new StepOutcome(failed, type, await GatewayClient.ReadAsync(response).ConfigureAwait(false)), content);

            case HttpStatusCode.Accepted:
                throw new StepPendingException(id);

            case (HttpStatusCode)422
                when StepProblem.Parse(await GatewayClient.ReadAsync(response).ConfigureAwait(
                    false)) is { IsBeyondRunTimeout: true } problem:
                throw new StepFailedException(id, problem);

            case HttpStatusCode.Conflict or HttpStatusCode.Gone:
                throw await AbandonAsync(id, response).ConfigureAwait(false);

            default:
                throw await GatewayClient.RefusedAsync($"Step '{id}'", response).ConfigureAwait(false);
        }
    }

    private async Task<RunAbandonedException> AbandonAsync(string id, HttpResponseMessage response)
    {
        var refused = await GatewayClient.RefusedAsync($"Step '{id}'", response).ConfigureAwait(false);
        var abandoned = new RunAbandonedException(refused.Message);
        _log.Abandoned(run, abandoned.Message);
        Overrule(AttemptVerdict.Abandoned(abandoned, options.ErrorDetails));
        over.Cancel();
        return abandoned;
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
                $"The stored result of step '{id}' ({stored.ContentType}, of a step of type {stored.Type ?? "unknown"}) cannot be read "
                + $"as {typeof(T)}: {e.Message} "
                + "If the type of the result has changed since it was stored, give the step a new name, "
                + "or use a type that can read the stored result.", e);
        }
    }
}
