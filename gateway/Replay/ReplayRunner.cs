using System.Diagnostics;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using DurableGateway.Telemetry;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Replay;

/// <summary>Replays a claimed run's request and records the outcome.</summary>
internal sealed class ReplayRunner(
    AttemptRegistry registry, RunEngine engine, IWaitStore requests, EndpointDataSource endpoints, IServiceScopeFactory scopes,
    TimeProvider time, ILogger<ReplayRunner> log)
{
    private static readonly TimeSpan RouteRetry = TimeSpan.FromSeconds(30);

    public async Task RunAsync(ClaimedRun run, Attempt attempt)
    {
        using var scope = log.InRun(run.Id);
        Activity? span = null;

        // The lease must be renewed while the request is read.
        registry.Add(attempt);
        try
        {
            if ((run.Request ?? await ReadRequestAsync(attempt)) is not { } request) return;
            attempt.Span = span = ReplaySpans.Start(run, request);
            foreach (var sleep in run.Steps.TakeLast(run.SleepsOver)) StepTelemetry.Slept(attempt, sleep);
            await SendAsync(run, request, attempt);
        }
        catch (StoreUnavailableException e)
        {
            log.NotRecorded(attempt.Run, attempt.Key.Number, e.Message);
        }
        catch (Exception e)
        {
            log.Unexpected(e, attempt.Run, attempt.Key.Number);
            if (!attempt.IsOver && !attempt.Aborted.IsCancellationRequested) await FailAsync(attempt);
        }
        finally
        {
            engine.Leave(attempt);
            registry.Remove(attempt);
            span?.Dispose();
        }
    }

    /// <summary>
    /// Reads a request that was too large to be returned with the claim. The time for this does not count towards the attempt's timeout.
    /// </summary>
    /// <returns><see langword="null"/> if it cannot be read. The run has then ended, or waits for a node that has its key.</returns>
    private async Task<StoredRequest?> ReadRequestAsync(Attempt attempt)
    {
        try
        {
            var request = await requests.GetRequestAsync(attempt.Run)
                ?? throw new UnreadableRecordException($"The request of run {attempt.Run} is missing.");
            attempt.Request = (request.Method, request.RawTarget);
            attempt.StartClock();
            return request;
        }
        catch (UnreadableRecordException e)
        {
            await engine.GiveUpAsync(attempt, e);
            return null;
        }
    }

    private async Task SendAsync(ClaimedRun run, StoredRequest request, Attempt attempt)
    {
        if (time.GetUtcNow() >= run.Deadline)
        {
            await RecordAsync(attempt, AttemptFailure.Of(Problems.RunTimeout(run.Id, run.Policy.RunTimeout)));
            return;
        }

        // Looked up each time, because a reload of the configuration replaces the endpoints.
        var endpoint = RunRouteResolver.Find(endpoints.Endpoints,
            candidate => candidate.Metadata.GetMetadata<RouteModel>()?.Config, run.Route);
        if (endpoint?.RequestDelegate is not { } pipeline)
        {
            // During a rolling update, another node may have the route already, or may still have it.
            log.RouteMissing(run.Id, run.Route);
            await RecordAsync(attempt, new AttemptFailure(
                "its route is not configured", 0, Problems.RouteGone(run.Id, run.Route).ToResponse, RouteRetry));
            return;
        }

        log.ReplayBegins(run.Id, run.Attempt, run.Route);
        await using var scope = scopes.CreateAsyncScope();
        using var capture = new ResponseCapture(
            client: null, run.Policy.MaxResponseBytes, () => attempt.Interrupt(AttemptInterrupt.ResponseTooLarge));
        var feature = new AttemptFeature(attempt) { Capture = capture };
        var context = ReplayContext.Create(request, feature, capture, endpoint, scope.ServiceProvider);
        await pipeline(context);
        var review = await AttemptReview.OfAsync(context, feature);
        if (feature.Mismatch is { } mismatch) await engine.NoteMismatchAsync(attempt, mismatch);
        if (review.Evidence.Decide() is not (Disposition.Complete or Disposition.EndWithResponse)) await attempt.EndCallsAsync();
        await RecordAsync(attempt, review.Evidence, review.Report);
    }

    /// <summary>
    /// Counts an unexpected error as a failed attempt. Otherwise the run would be claimed again and again until its timeout.
    /// </summary>
    private async Task FailAsync(Attempt attempt)
    {
        try
        {
            await RecordAsync(attempt, new AttemptFailure("the gateway met an unexpected error", 0, Problems.GatewayFailed().ToResponse));
        }
        catch (Exception e)
        {
            log.NotRecorded(attempt.Run, attempt.Key.Number, e.Message);
        }
    }

    private Task RecordAsync(Attempt attempt, AttemptFailure failure) =>
        RecordAsync(attempt, attempt.Look(), AttemptReport.Of(failure));

    private async Task RecordAsync(Attempt attempt, AttemptEvidence evidence, AttemptReport report)
    {
        try
        {
            await SettleAsync(evidence, report);
        }
        catch (Exception e) when (e is not StoreUnavailableException)
        {
            // The result cannot be read, for example because the record of a stream is damaged. Counted as a failed attempt, so that the
            // run is not repeated without end.
            log.Unexpected(e, attempt.Run, attempt.Key.Number);
            var problem = e is UnreadableRecordException ? Problems.RecordUnreadable(attempt.Run) : Problems.GatewayFailed();
            await SettleAsync(attempt.Look(), AttemptReport.Of(new AttemptFailure(
                "its result could not be recorded", 0, problem.ToResponse, Final: e is UnreadableRecordException { KeyIsMissing: false })));
        }

        Task<AttemptEnd> SettleAsync(AttemptEvidence evidence, AttemptReport report) => StoreRetry.RepeatAsync(
            () => engine.SettleAsync(attempt, evidence, report), time, StoreRetry.ForEndOfAttempt, between: error =>
            {
                log.WriteRetried(attempt.Run, attempt.Key.Number, error.Message);
                return Task.CompletedTask;
            });
    }
}
