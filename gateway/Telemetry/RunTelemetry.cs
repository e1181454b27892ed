using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using static DurableGateway.Diagnostics.TelemetryNames;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace DurableGateway.Telemetry;

/// <summary>Who a run is, as spans and metrics call it.</summary>
internal readonly record struct RunIdentity(RunId Id, string Route, string Policy);

/// <summary>What becomes of runs, told as metrics and spans. One call for each thing that happens, at the place where it is decided.</summary>
internal static class RunTelemetry
{
    /// <summary>What stands for a route or a policy that cannot be known any more.</summary>
    private const string Unknown = "unknown";

    /// <summary>A run begins with its live attempt.</summary>
    public static void Started(Attempt attempt)
    {
        if (attempt.Span is { } span)
        {
            var run = attempt.Run.ToString();
            span.SetTag(Attributes.RunId, run).SetTag(Attributes.AttemptNumber, attempt.Key.Number);
            span.Parent?.SetTag(Attributes.RunId, run);
        }

        Started(attempt.Route, attempt.Policy);
    }

    /// <summary>A run begins, and its first attempt will come.</summary>
    public static void Started(string route, RunPolicy policy) =>
        Instruments.RunsStarted.Add(1, new Tag(Attributes.Route, route), new Tag(Attributes.Policy, policy.Name));

    /// <summary>A run begins that has to wait for its turn: what its client asked for is no attempt yet.</summary>
    public static void Queued(Attempt attempt)
    {
        Started(attempt);
        Queued(attempt.Route, attempt.Policy);
        Spans.AttemptEnded(attempt, "queued", 0, null);
    }

    /// <summary>A run has to wait for its turn.</summary>
    public static void Queued(string route, RunPolicy policy) =>
        Instruments.RunsQueued.Add(1, new Tag(Attributes.Route, route), new Tag(Attributes.Policy, policy.Name));

    /// <summary>A due run was claimed.</summary>
    public static void Claimed(ClaimedRun run, DateTimeOffset now) => Instruments.ReplayLag.Record(
        Math.Max(0, (now - run.DueAt).TotalSeconds), new Tag(Attributes.Route, run.Route), new Tag(Attributes.Policy, run.Policy.Name));

    /// <summary>The attempt is over and so is its run.</summary>
    public static void Ended(Attempt attempt, RunState state, int status, DateTimeOffset now)
    {
        AttemptEnded(attempt, state.Name(), status, state == RunState.Failed ? $"{status}" : null);
        Instruments.RunsEnded.Add(
            1, new Tag(Attributes.Route, attempt.Route), new Tag(Attributes.Policy, attempt.Policy.Name), new Tag(Attributes.Outcome, state.Name()));
        if (attempt.Span is { } span)
            Spans.RunEnded(Spans.RequestOf(span), Identity(attempt), now - attempt.StartedAt, state, attempt.Key.Number, status);
    }

    /// <summary>The run was cancelled by someone who may.</summary>
    public static void Cancelled(RunId run, RunOrigin? origin, DateTimeOffset now)
    {
        var (route, policy) = (origin?.Route ?? Unknown, origin?.Policy ?? Unknown);
        Instruments.RunsEnded.Add(
            1, new Tag(Attributes.Route, route), new Tag(Attributes.Policy, policy), new Tag(Attributes.Outcome, RunState.Cancelled.Name()));
        if (origin is not null && Tracing.IsEnabled)
            Spans.RunEnded(Spans.Parse(origin.TraceParent), new(run, route, policy), now - origin.StartedAt, RunState.Cancelled, origin.Attempt, 0);
    }

    /// <summary>The run's record could not be read, and it was ended.</summary>
    public static void Unreadable() => Instruments.RunsEnded.Add(
        1, new Tag(Attributes.Route, Unknown), new Tag(Attributes.Policy, Unknown), new Tag(Attributes.Outcome, RunState.Failed.Name()));

    /// <summary>The attempt failed, and its run waits for another.</summary>
    public static void Failed(Attempt attempt, AttemptFailure failure) =>
        // As OpenTelemetry has it: the status alone where that is the error.
        AttemptEnded(attempt, "failed", failure.Status, failure.Status > 0 ? $"{failure.Status}" : failure.Reason);

    /// <summary>The attempt was given up through no fault of the service.</summary>
    public static void HandedBack(Attempt attempt) => AttemptEnded(attempt, "handed_back", 0, null);

    /// <summary>The attempt ended with steps pending.</summary>
    public static void Suspended(Attempt attempt)
    {
        AttemptEnded(attempt, "suspended", 0, null);
        Instruments.RunsSuspended.Add(1, new Tag(Attributes.Route, attempt.Route), new Tag(Attributes.Policy, attempt.Policy.Name));
    }

    /// <summary>Another attempt owns the run, or it was cancelled.</summary>
    public static void Lost(Attempt attempt) => AttemptEnded(attempt, "lost", 0, null);

    /// <summary>What became of the attempt could not be written down, or it was no run after all.</summary>
    public static void Abandoned(Attempt attempt)
    {
        if (attempt.Interrupted == AttemptInterrupt.Lost) Lost(attempt);
        else AttemptEnded(attempt, "abandoned", 0, null);
    }

    /// <summary>The client was sent to the result URL.</summary>
    public static void Redirected(Attempt attempt) =>
        Instruments.Redirects.Add(1, new Tag(Attributes.Route, attempt.Route), new Tag(Attributes.Policy, attempt.Policy.Name));

    private static void AttemptEnded(Attempt attempt, string outcome, int status, string? error)
    {
        Instruments.Attempts.Add(
            1,
            new Tag(Attributes.Route, attempt.Route), new Tag(Attributes.Policy, attempt.Policy.Name),
            new Tag(Attributes.AttemptKind, Spans.Kind(attempt.IsReplay)), new Tag(Attributes.Outcome, outcome));
        if (attempt.Span is not null) Spans.AttemptEnded(attempt, outcome, status, error);
    }

    private static RunIdentity Identity(Attempt attempt) => new(attempt.Run, attempt.Route, attempt.Policy.Name);
}
