using System.Diagnostics;
using DurableGateway.Diagnostics;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using DurableGateway.Telemetry;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Replay;

/// <summary>Sends a claimed run's request once more and records how that went.</summary>
internal sealed class ReplayRunner(
    AttemptRegistry registry, RunEngine engine, IWaitStore requests, EndpointDataSource endpoints, IServiceScopeFactory scopes, TimeProvider time, ILogger<ReplayRunner> log)
{
    private static readonly TimeSpan StoreRetry = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan RecordFor = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan RouteRetry = TimeSpan.FromSeconds(30);

    public async Task RunAsync(ClaimedRun run, Attempt attempt)
    {
        using var scope = log.InRun(run.Id);
        Activity? span = null;

        // Its lease is renewed from here on, also while its request is read.
        registry.Add(attempt);
        try
        {
            if ((run.Request ?? await ReadRequestAsync(attempt)) is not { } request) return;
            attempt.Span = span = ReplaySpans.Start(run, request);
            foreach (var sleep in run.Steps.TakeLast(run.SleepsOver)) StepTelemetry.Slept(attempt, sleep);
            var record = await SendAsync(run, request, attempt);
            await RecordAsync(attempt, record);
        }
        catch (StoreUnavailableException e)
        {
            log.NotRecorded(attempt.Run, attempt.Key.Number, e.Message);
        }
        catch (Exception e)
        {
            log.Unexpected(e, attempt.Run, attempt.Key.Number);
        }
        finally
        {
            if (!attempt.IsSettled) RunTelemetry.Abandoned(attempt);
            registry.Remove(attempt);
            span?.Dispose();
        }
    }

    /// <summary>Reads a request that was too large to come with the claim. That is not part of the attempt's time.</summary>
    /// <returns><see langword="null"/> where it cannot be read: the run has ended by that, or waits for a node that has its key.</returns>
    private async Task<StoredRequest?> ReadRequestAsync(Attempt attempt)
    {
        try
        {
            var request = await requests.GetRequestAsync(attempt.Run)
                ?? throw new UnreadableRecordException($"The request of run {attempt.Run} is missing.");
            attempt.Request = (request.Method, request.RawTarget);
            attempt.StartClock(time);
            return request;
        }
        catch (UnreadableRecordException e)
        {
            await engine.GiveUpAsync(attempt, e);
            return null;
        }
    }

    /// <returns>What is to be written down, to be called until the store has taken it.</returns>
    private async Task<Func<Task<AttemptEnd>>> SendAsync(ClaimedRun run, StoredRequest request, Attempt attempt)
    {
        if (time.GetUtcNow() >= run.Deadline) return () => EndAsync(Problems.RunTimeout(run.Id, run.Policy.RunTimeout));

        // Looked up afresh each time: a reload of the configuration replaces the endpoints.
        var endpoint = RunRouteResolver.Find(endpoints.Endpoints, candidate => candidate.Metadata.GetMetadata<RouteModel>()?.Config, run.Route);
        if (endpoint?.RequestDelegate is not { } pipeline)
        {
            // Nodes are updated one after the other: another may know the route already, or still.
            log.RouteMissing(run.Id, run.Route);
            return () => engine.FailAsync(attempt, new AttemptFailure("its route is not configured", 0, Problems.RouteGone(run.Id, run.Route).ToResponse, RouteRetry));
        }

        log.ReplayBegins(run.Id, run.Attempt, run.Route);
        await using var scope = scopes.CreateAsyncScope();
        var feature = new AttemptFeature(attempt);
        using var capture = new ResponseCapture(
            client: null, run.Policy.MaxResponseBytes, () => attempt.Interrupt(AttemptInterrupt.ResponseTooLarge));
        var context = ReplayContext.Create(request, feature, capture, endpoint, scope.ServiceProvider);
        try
        {
            await pipeline(context);
        }
        catch (Exception e) when (e is not StoreUnavailableException && attempt.Interrupted == AttemptInterrupt.None)
        {
            // Counted as any other failure: a run that is taken up again for ever would end by its time only.
            log.Unexpected(e, run.Id, run.Attempt);
            return () => engine.FailAsync(attempt, new AttemptFailure("the gateway met an unexpected error", 0, Problems.GatewayFailed().ToResponse));
        }

        var forwarding = context.GetForwarderErrorFeature();
        var error = forwarding?.Error ?? ForwarderError.None;

        // A response that arrived whole counts as it is, whatever became of the request's body.
        if (feature.IsWhole) error = ForwarderError.None;
        feature.Refused = ResponseHeaderLimit.TooLarge(context, run.Id);
        if (feature.Keeper is { } keeper && error == ForwarderError.None && !await keeper.TryCompleteAsync()) error = ForwarderError.ResponseBodyClient;
        var response = new StoredResponse(feature.Status, feature.ResponseHeaders, capture.Body, HopByHopHeaders.Keep(
            context.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers));
        if (feature.Mismatch is { } mismatch)
        {
            await engine.NoteMismatchAsync(attempt, mismatch);
            if (run.Policy.Mismatch == MismatchHandling.Fail) return () => EndAsync(Problems.HandlerMismatch(run.Id, mismatch));
        }

        return (attempt.Interrupted, error, feature.Outcome) switch
        {
            (AttemptInterrupt.Lost, _, _) => () => Task.FromResult(new AttemptEnd(Fate.Lost)),
            _ when IsRefusedForSteps(feature) => () => engine.StopInliningAsync(attempt, feature.Status),
            (_, _, null) when feature.Refused is { } refused => () => EndAsync(refused),
            (AttemptInterrupt.ResponseTooLarge, _, _) => () => EndAsync(Problems.ResponseTooLarge(run.Id, run.Policy.MaxResponseBytes)),

            // A response that arrived whole counts, also where the attempt was interrupted at that very moment.
            (_, ForwarderError.None, AttemptOutcome.Suspended) => () => engine.SuspendAsync(attempt),
            (_, ForwarderError.None, AttemptOutcome.Failed) => () => FailAsync($"status {feature.Status}", response, feature.Status),
            (_, ForwarderError.None, AttemptOutcome.FailedForGood) => () => engine.EndAsync(attempt, RunState.Failed, response, feature.IsFinalAnswer),
            (_, ForwarderError.None, AttemptOutcome.Completed) => CompleteAsync,
            (AttemptInterrupt.Shutdown, _, _) => () => engine.HandBackAsync(attempt),
            (AttemptInterrupt.TimedOut, _, _) => () => FailAsync("timed out", Problem(timedOut: true)),
            _ => () => FailAsync(
                ForwardingFailure.Explain(error, forwarding?.Exception), Problem(timedOut: false), unreachable: ForwardingFailure.IsUnreachable(error, forwarding?.Exception)),
        };

        async Task<AttemptEnd> CompleteAsync() =>
            await engine.EndAsync(attempt, RunState.Completed, feature.Keeper is { } stream ? response with { Body = await stream.ReadAsync() } : response);
        StoredResponse Problem(bool timedOut) => ProblemWriter.Describe(run.Id, error, timedOut).ToResponse();
        Task<AttemptEnd> FailAsync(string reason, StoredResponse result, int status = 0, bool unreachable = false) =>
            engine.FailAsync(attempt, new AttemptFailure(reason, status, () => result, feature.RetryAfter, Unreachable: unreachable));
        Task<AttemptEnd> EndAsync(Problem problem) => engine.EndAsync(attempt, RunState.Failed, problem.ToResponse(), reason: problem.Title);
    }

    /// <summary>The service may have refused the size of the headers, which only the outcomes in them made too large.</summary>
    private static bool IsRefusedForSteps(AttemptFeature feature) =>
        feature is { HasInlinedSteps: true, Outcome: not AttemptOutcome.Suspended }
            and { Status: StatusCodes.Status400BadRequest or StatusCodes.Status431RequestHeaderFieldsTooLarge };

    /// <summary>Tries until the store has it: what took minutes to make is not thrown away because the store was away for one.</summary>
    private async Task RecordAsync(Attempt attempt, Func<Task<AttemptEnd>> record)
    {
        var began = time.GetTimestamp();
        var given = false;
        while (true)
        {
            try
            {
                await record();
                return;
            }
            catch (Exception e) when (e is not StoreUnavailableException && !given)
            {
                // What was to be the result cannot be had, as a stream whose record is damaged. It counts, or the run would be repeated for ever.
                log.Unexpected(e, attempt.Run, attempt.Key.Number);
                given = true;
                var problem = e is UnreadableRecordException ? Problems.RecordUnreadable(attempt.Run) : Problems.GatewayFailed();
                record = () => engine.FailAsync(attempt, new AttemptFailure(
                    "its result could not be recorded", 0, problem.ToResponse, Final: e is UnreadableRecordException { KeyIsMissing: false }));
            }
            catch (StoreUnavailableException e) when (time.GetElapsedTime(began) < RecordFor)
            {
                log.WriteRetried(attempt.Run, attempt.Key.Number, e.Message);
                await Task.Delay(StoreRetry, time);
            }
        }
    }
}
