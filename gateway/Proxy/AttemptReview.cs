using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

/// <summary>Evaluates an attempt, live or replayed, after YARP's pipeline has finished.</summary>
internal sealed class AttemptReview
{
    private readonly HttpContext _context;
    private readonly AttemptFeature _feature;
    private readonly ForwarderError _error;
    private readonly Exception? _exception;
    private readonly Problem? _refusal;
    private AttemptReport? _report;

    private AttemptReview(
        HttpContext context, AttemptFeature feature, Arrival response, ForwarderError error, IForwarderErrorFeature? failure)
    {
        (_context, _feature, _error, _exception) = (context, feature, error, failure?.Exception);
        var attempt = feature.Attempt;
        var oversizedHead = failure is null ? null : ResponseHeaderLimit.TooLarge(context, attempt.Run);
        var mismatch = attempt is { IsReplay: true, Policy.Mismatch: MismatchHandling.Fail } ? feature.Mismatch : null;
        Evidence = attempt.Look() with
        {
            Request = FaultOf(feature.RequestBody, context.Response.HasStarted),
            Outcome = feature.Outcome,
            Response = response,
            ServiceBroke = failure?.Error == ForwarderError.ResponseBodyDestination,
            RefusesSteps = feature is
            {
                HasInlinedSteps: true, Status: StatusCodes.Status400BadRequest or StatusCodes.Status431RequestHeaderFieldsTooLarge,
            },
            HasMismatch = mismatch is not null || attempt.Drift is not null,
            HasOversizedHead = oversizedHead is not null,
        };
        _refusal = attempt.Drift is { } drift ? Problems.StepDrift(attempt.Run, drift)
            : mismatch is not null ? Problems.HandlerMismatch(attempt.Run, mismatch)
            : oversizedHead ?? (Evidence.Interrupted == AttemptInterrupt.ResponseTooLarge ? TooLarge(attempt) : null);
    }

    public AttemptEvidence Evidence { get; }

    /// <summary>What is to be written of it, if anything is: most runs pass without.</summary>
    public AttemptReport Report => _report ??= new AttemptReport
    {
        Failure = Failure(),
        Refusal = _refusal,
        Result = ResultAsync,
        IsFinalAnswer = _feature.IsFinalAnswer,
        Status = _feature.Status,
    };

    /// <summary>The result of the run if this was its last attempt.</summary>
    public StoredResponse LastResponse => Report.Refusal?.ToResponse() ?? Report.Failure.Result();

    private Attempt Attempt => _feature.Attempt;

    /// <param name="context">The attempt's request and response.</param>
    /// <param name="feature">What the transforms have written down.</param>
    public static ValueTask<AttemptReview> OfAsync(HttpContext context, AttemptFeature feature)
    {
        var failure = context.GetForwarderErrorFeature();
        var error = failure?.Error ?? ForwarderError.None;

        // A response that arrived whole counts, even if the request's body failed: a service may answer before it has read the request.
        var response = feature.IsSuppressed ? Arrival.Head
            : feature.IsWhole || (feature.Attempt.IsReplay && error == ForwarderError.None) ? Arrival.Whole
            : Arrival.None;
        if (response == Arrival.Whole) error = ForwarderError.None;
        return response == Arrival.Whole && feature.Keeper is { } keeper
            ? CompleteAsync(context, feature, keeper, failure)
            : ValueTask.FromResult(new AttemptReview(context, feature, response, error, failure));
    }

    private static async ValueTask<AttemptReview> CompleteAsync(
        HttpContext context, AttemptFeature feature, StreamKeeper keeper, IForwarderErrorFeature? failure) =>
        await keeper.TryCompleteAsync()
            ? new AttemptReview(context, feature, Arrival.Whole, ForwarderError.None, failure)
            : new AttemptReview(context, feature, Arrival.None, ForwarderError.ResponseBodyClient, failure);

    private static RequestFault FaultOf(RequestCapture? body, bool hasResponse) => body switch
    {
        { Broken: true } => RequestFault.Broken,
        { Overflowed: true, RefuseOverflow: true } when !hasResponse => RequestFault.TooLarge,
        _ => RequestFault.None,
    };

    private static Problem TooLarge(Attempt attempt) => Problems.ResponseTooLarge(attempt.Run, attempt.Policy.MaxResponseBytes);

    private AttemptFailure Failure()
    {
        var isFinal = Attempt is { IsReplay: false, Policy.MaxAttempts: 1 };
        if (_feature.Outcome == AttemptOutcome.Failed && Evidence.Response != Arrival.None)
        {
            return new AttemptFailure($"status {_feature.Status}", _feature.Status, FailedResponse, _feature.RetryAfter, isFinal)
            {
                Text = _feature is { Capture: { Overflowed: false } capture, Explain: { } explain }
                    ? explain(capture.Body, true)
                    : _feature.Failure,
            };
        }

        var timedOut = Evidence.Interrupted == AttemptInterrupt.TimedOut;
        return new AttemptFailure(
            timedOut ? "timed out" : ForwardingFailure.Explain(_error, _exception), 0,
            () => ProblemWriter.Describe(Attempt.Run, _error, timedOut).ToResponse(), _feature.RetryAfter, isFinal,
            Unreachable: !timedOut && ForwardingFailure.IsUnreachable(_error, _exception));
    }

    /// <summary>The body of a live attempt's failure was suppressed.</summary>
    private StoredResponse FailedResponse() => Attempt.IsReplay
        ? Response(_feature.Capture!.Body)
        : Problems.ServiceFailed(
            Attempt.Run, Math.Max(_feature.Status, 500), $"The service answered with status {_feature.Status}.").ToResponse();

    private async Task<StoredResponse> ResultAsync() => _feature switch
    {
        { Keeper: { } keeper } => Response(await keeper.ReadAsync()),
        { Capture: null } => Problems.ResultNotKept(Attempt.Run).ToResponse(),
        { Capture.Overflowed: true } => TooLarge(Attempt).ToResponse(),
        { Capture: var capture } => Response(capture.Body),
    };

    private StoredResponse Response(ReadOnlyMemory<byte> body) => new(_feature.Status, _feature.ResponseHeaders, body, Trailers());

    private List<HeaderLine> Trailers() =>
        _context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is { Count: > 0 } trailers ? HopByHopHeaders.Keep(trailers) : [];
}
