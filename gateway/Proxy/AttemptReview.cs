using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Proxy;

/// <summary>What an attempt has left behind when YARP's pipeline is through with it, live or replayed.</summary>
internal sealed class AttemptReview
{
    private readonly HttpContext _context;
    private readonly AttemptFeature _feature;

    private AttemptReview(HttpContext context, AttemptFeature feature, AttemptEvidence evidence, ForwarderError error, Problem? refusal)
    {
        (_context, _feature, Evidence) = (context, feature, evidence);
        Report = new AttemptReport
        {
            Failure = Failure(error),
            Refusal = refusal,
            Result = ResultAsync,
            IsFinalAnswer = feature.IsFinalAnswer,
            Status = feature.Status,
        };
    }

    public AttemptEvidence Evidence { get; }
    public AttemptReport Report { get; }

    /// <summary>What becomes the result of a run whose last attempt this was.</summary>
    public StoredResponse LastResponse => Report.Refusal?.ToResponse() ?? Report.Failure.Result();

    private Attempt Attempt => _feature.Attempt;

    /// <param name="context">The attempt's request and response.</param>
    /// <param name="feature">What the transforms have written down.</param>
    public static async Task<AttemptReview> OfAsync(HttpContext context, AttemptFeature feature)
    {
        var attempt = feature.Attempt;
        var error = context.GetForwarderErrorFeature()?.Error ?? ForwarderError.None;
        var serviceBroke = error == ForwarderError.ResponseBodyDestination;

        // A response that arrived whole counts as it is, whatever became of the request's body: a service may answer before it has read it.
        var response = feature.IsSuppressed ? Arrival.Head
            : feature.IsWhole || (attempt.IsReplay && error == ForwarderError.None) ? Arrival.Whole
            : Arrival.None;
        if (response == Arrival.Whole) error = ForwarderError.None;
        if (response == Arrival.Whole && feature.Keeper is { } keeper && !await keeper.TryCompleteAsync())
            (response, error) = (Arrival.None, ForwarderError.ResponseBodyClient);
        var oversizedHead = ResponseHeaderLimit.TooLarge(context, attempt.Run);
        var mismatch = attempt is { IsReplay: true, Policy.Mismatch: MismatchHandling.Fail } ? feature.Mismatch : null;
        var evidence = AttemptEvidence.Of(attempt) with
        {
            Request = FaultOf(feature.RequestBody, context.Response.HasStarted),
            Outcome = feature.Outcome,
            Response = response,
            ServiceBroke = serviceBroke,
            RefusesSteps = feature is
            {
                HasInlinedSteps: true, Status: StatusCodes.Status400BadRequest or StatusCodes.Status431RequestHeaderFieldsTooLarge,
            },
            HasMismatch = mismatch is not null,
            HasOversizedHead = oversizedHead is not null,
        };
        var refusal = mismatch is not null ? Problems.HandlerMismatch(attempt.Run, mismatch)
            : oversizedHead ?? (evidence.Interrupted == AttemptInterrupt.ResponseTooLarge ? TooLarge(attempt) : null);
        return new AttemptReview(context, feature, evidence, error, refusal);
    }

    private static RequestFault FaultOf(RequestCapture? body, bool hasResponse) => body switch
    {
        { Broken: true } => RequestFault.Broken,
        { Overflowed: true, RefuseOverflow: true } when !hasResponse => RequestFault.TooLarge,
        _ => RequestFault.None,
    };

    private static Problem TooLarge(Attempt attempt) => Problems.ResponseTooLarge(attempt.Run, attempt.Policy.MaxResponseBytes);

    private AttemptFailure Failure(ForwarderError error)
    {
        var exception = _context.GetForwarderErrorFeature()?.Exception;
        var isFinal = Attempt is { IsReplay: false, Policy.MaxAttempts: 1 };
        if (_feature.Outcome == AttemptOutcome.Failed && Evidence.Response != Arrival.None)
        {
            return new AttemptFailure($"status {_feature.Status}", _feature.Status, FailedResponse, _feature.RetryAfter, isFinal);
        }

        var timedOut = Evidence.Interrupted == AttemptInterrupt.TimedOut;
        return new AttemptFailure(
            timedOut ? "timed out" : ForwardingFailure.Explain(error, exception), 0,
            () => ProblemWriter.Describe(Attempt.Run, error, timedOut).ToResponse(), _feature.RetryAfter, isFinal,
            Unreachable: !timedOut && ForwardingFailure.IsUnreachable(error, exception));
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
