using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using static DurableGateway.Diagnostics.TelemetryNames;

namespace DurableGateway.Telemetry;

/// <summary>
/// Creates the spans of a run. All are children of the span of the client's request: the run, and its attempts, which have their calls and
/// steps as children. Times are those of this machine, as in all other spans, not those of the store.
/// </summary>
internal static class Spans
{
    /// <param name="route">The id of the route.</param>
    /// <param name="policy">The policy of the run.</param>
    /// <param name="isReplay">Whether it is a replay.</param>
    /// <param name="parent">The span of the client's request; by default the current span.</param>
    public static Activity? StartAttempt(string route, RunPolicy policy, bool isReplay, ActivityContext parent = default)
    {
        var span = Tracing.Source.StartActivity($"{TelemetryNames.SpanNames.Attempt} {route}", ActivityKind.Internal, parent);
        return span?.SetTag(Attributes.Route, route).SetTag(Attributes.Policy, policy.Name).SetTag(Attributes.AttemptKind, Kind(isReplay));
    }

    /// <summary>Ends the span of an attempt with the attempt, before later work for the client or the store.</summary>
    public static void AttemptEnded(Attempt attempt, string outcome, int status, string? error, FailureText failure = default)
    {
        if (attempt.Span is not { IsAllDataRequested: true } span) return;
        span.SetTag(Attributes.Outcome, outcome);
        if (status > 0) span.SetTag(Attributes.ResponseStatus, status);
        if (error is not null) span.SetTag(Attributes.ErrorType, error).SetStatus(ActivityStatusCode.Error, error);
        AddException(span, failure);
        span.SetEndTime(Now.UtcDateTime);
    }

    /// <param name="parent">The span of the client's request.</param>
    /// <param name="run">The run.</param>
    /// <param name="took">The time from its start to its end.</param>
    /// <param name="state">How it ended.</param>
    /// <param name="attempts">How many attempts it had.</param>
    /// <param name="status">The status of its result; 0 if there is none.</param>
    public static void RunEnded(ActivityContext? parent, RunIdentity run, TimeSpan took, RunState state, int attempts, int status)
    {
        if (!Tracing.IsEnabled || parent is not { } beside) return;
        var now = Now;
        using var span = Tracing.Source.StartActivity($"{TelemetryNames.SpanNames.Run} {run.Route}",
            ActivityKind.Internal, beside, startTime: now - took);
        if (span is not { IsAllDataRequested: true }) return;
        span.SetTag(Attributes.RunId, run.Id.ToString()).SetTag(Attributes.Route, run.Route).SetTag(Attributes.Policy, run.Policy)
            .SetTag(Attributes.Outcome, state.Name()).SetTag(Attributes.AttemptNumber, attempts);
        if (status > 0) span.SetTag(Attributes.ResponseStatus, status);
        if (state == RunState.Failed) span.SetTag(Attributes.ErrorType, $"{status}").SetStatus(ActivityStatusCode.Error);
        span.SetEndTime(now.UtcDateTime);
    }

    /// <param name="parent">The span of the attempt, or of the client's request if the attempt's is not known here.</param>
    /// <param name="run">The run.</param>
    /// <param name="attempt">The number of the attempt.</param>
    /// <param name="step">The step, and how long it took.</param>
    /// <param name="outcome">How it ended.</param>
    public static void StepEnded(ActivityContext parent, RunId run, int attempt, EndedStep step, string outcome)
    {
        if (!Tracing.IsEnabled) return;
        var now = Now;

        // The call itself belongs to the service's trace, if there is one.
        var call = Activity.Current is { } current && current.TraceId != parent.TraceId
            ? new[] { new ActivityLink(current.Context) }
            : null;
        using var span = Tracing.Source.StartActivity(
            $"{TelemetryNames.SpanNames.Step} {step.Id}", ActivityKind.Internal, parent, links: call, startTime: now - step.Took);
        if (span is not { IsAllDataRequested: true }) return;
        span.SetTag(Attributes.RunId, run.ToString()).SetTag(Attributes.AttemptNumber, attempt)
            .SetTag(Attributes.StepId, step.Id).SetTag(Attributes.StepType, step.Type).SetTag(Attributes.Outcome, outcome);
        if (step.Failed) span.SetTag(Attributes.ErrorType, "step-failed").SetStatus(ActivityStatusCode.Error);
        AddException(span, step.Failure);
        span.SetEndTime(now.UtcDateTime);
    }

    /// <summary>The span of the client's request, which is the parent of the run's attempts.</summary>
    public static ActivityContext RequestOf(Activity attempt) =>
        new(attempt.TraceId, attempt.ParentSpanId, attempt.ActivityTraceFlags, attempt.TraceStateString);

    /// <summary>Parses a stored context; <see langword="null"/> if it is not valid.</summary>
    public static ActivityContext? Parse(string? traceParent, string? traceState = null) =>
        ActivityContext.TryParse(traceParent, traceState, isRemote: true, out var context) ? context : null;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static string Kind(bool isReplay) => isReplay ? "replay" : "live";

    /// <summary>Adds what the service said as the event <c>exception</c> of OpenTelemetry. It is masked.</summary>
    private static void AddException(Activity span, FailureText failure)
    {
        if (failure.IsEmpty) return;
        var (type, stack) = ExceptionOf(failure.Body);
        var tags = new ActivityTagsCollection { { "exception.type", type ?? "failure" }, { "exception.message", failure.Reason } };
        if (stack is not null) tags.Add("exception.stacktrace", stack);
        span.AddEvent(new ActivityEvent("exception", Now, tags));
    }

    /// <summary>Type and stack, as SDKs put them into problem details.</summary>
    private static (string? Type, string? Stack) ExceptionOf(string? body)
    {
        if (body is not ['{', ..]) return default;
        try
        {
            using var problem = JsonDocument.Parse(body);
            return (Text("exceptionType"), Text("stackTrace"));

            string? Text(string name) =>
                problem.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
                    ? value.GetString()
                    : null;
        }
        catch (JsonException)
        {
            // The body is cut, or is not JSON.
            return default;
        }
    }

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();
}
