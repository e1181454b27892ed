using System.Diagnostics;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using static DurableGateway.Diagnostics.TelemetryNames;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace DurableGateway.Telemetry;

/// <summary>Records the transitions of runs as metrics and spans.</summary>
internal sealed class RunTelemetry(TimeProvider time) : IRunObserver
{
    /// <summary>The value for a route or policy that is no longer known.</summary>
    private const string Unknown = "unknown";

    public void RunAccepted(NewRun run, DateTimeOffset due)
    {
        Started(run.Route, run.Policy);
        // A run that is accepted without an attempt is due at once, unless a limit gives it a later turn.
        if (due > time.GetUtcNow()) Queued(run.Route, run.Policy);
    }

    public void RunQueued(Attempt attempt, DateTimeOffset due)
    {
        LiveAttemptBegan(attempt);
        Queued(attempt.Route, attempt.Policy);
        Spans.AttemptEnded(attempt, "queued", 0, null);
    }

    public void LiveAttemptBegan(Attempt attempt)
    {
        if (attempt.Span is { } span)
        {
            var run = attempt.Run.ToString();
            span.SetTag(Attributes.RunId, run).SetTag(Attributes.AttemptNumber, attempt.Key.Number);
            span.Parent?.SetTag(Attributes.RunId, run);
        }

        Started(attempt.Route, attempt.Policy);
    }

    public void RunClaimed(ClaimedRun run) => Instruments.ReplayLag.Record(
        Math.Max(0, (time.GetUtcNow() - run.DueAt).TotalSeconds),
        new Tag(Attributes.Route, run.Route), new Tag(Attributes.Policy, run.Policy.Name));

    public void RunEnded(Attempt attempt, RunState state, int status, bool isStored)
    {
        var error = state == RunState.Failed ? $"{status}" : null;
        AttemptEnded(attempt, state.Name(), status, error, type: error);
        Instruments.RunsEnded.Add(1,
            new Tag(Attributes.Route, attempt.Route), new Tag(Attributes.Policy, attempt.Policy.Name),
            new Tag(Attributes.Outcome, state.Name()));
        var took = time.GetUtcNow() - attempt.StartedAt;
        Instruments.RunDuration.Record(Math.Max(0, took.TotalSeconds),
            new Tag(Attributes.Route, attempt.Route), new Tag(Attributes.Policy, attempt.Policy.Name),
            new Tag(Attributes.Outcome, state.Name()));
        if (attempt.Span is not { } span) return;
        Spans.RunEnded(Spans.RequestOf(span), Identity(attempt), took, state, attempt.Key.Number, status);
    }

    public void RunCancelled(RunId run, RunOrigin? origin)
    {
        var (route, policy) = (origin?.Route ?? Unknown, origin?.Policy ?? Unknown);
        Instruments.RunsEnded.Add(1,
            new Tag(Attributes.Route, route), new Tag(Attributes.Policy, policy), new Tag(Attributes.Outcome, RunState.Cancelled.Name()));
        if (origin is null || !Tracing.IsEnabled) return;
        Spans.RunEnded(Spans.Parse(origin.TraceParent), new(run, route, policy), time.GetUtcNow() - origin.StartedAt,
            RunState.Cancelled, origin.Attempt, 0);
    }

    public void RunUnreadable(RunId run) => Instruments.RunsEnded.Add(1,
        new Tag(Attributes.Route, Unknown), new Tag(Attributes.Policy, Unknown), new Tag(Attributes.Outcome, RunState.Failed.Name()));

    public void AttemptFailed(Attempt attempt, AttemptFailure failure, DateTimeOffset due) =>
        // OpenTelemetry convention: the error type is the status alone if the status is the error.
        AttemptEnded(attempt, "failed", failure.Status, failure.Status > 0 ? $"{failure.Status}" : failure.Reason,
            failure.Text, TypeOf(failure));

    public void AttemptHandedBack(Attempt attempt, DateTimeOffset due, bool forOthers) => AttemptEnded(attempt, "handed_back", 0, null);

    public void AttemptSuspended(Attempt attempt, DateTimeOffset due)
    {
        AttemptEnded(attempt, "suspended", 0, null);
        Instruments.RunsSuspended.Add(1, new Tag(Attributes.Route, attempt.Route), new Tag(Attributes.Policy, attempt.Policy.Name));
    }

    public void AttemptLost(Attempt attempt) => AttemptEnded(attempt, "lost", 0, null);

    public void AttemptDropped(Attempt attempt) => AttemptEnded(attempt, "abandoned", 0, null);

    public void ClientRedirected(Attempt attempt) =>
        Instruments.Redirects.Add(1, new Tag(Attributes.Route, attempt.Route), new Tag(Attributes.Policy, attempt.Policy.Name));

    private static void Started(string route, RunPolicy policy) =>
        Instruments.RunsStarted.Add(1, new Tag(Attributes.Route, route), new Tag(Attributes.Policy, policy.Name));

    private static void Queued(string route, RunPolicy policy) =>
        Instruments.RunsQueued.Add(1, new Tag(Attributes.Route, route), new Tag(Attributes.Policy, policy.Name));

    /// <summary>The failure as a value of a label, of which there are few.</summary>
    private static string TypeOf(AttemptFailure failure) => failure.Status > 0 ? $"{failure.Status}"
        : failure.Unreachable ? "unreachable"
        : failure.Reason == "timed out" ? "timeout"
        : "_OTHER";

    private void AttemptEnded(
        Attempt attempt, string outcome, int status, string? error, FailureText failure = default, string? type = null)
    {
        var tags = new TagList
        {
            { Attributes.Route, attempt.Route },
            { Attributes.Policy, attempt.Policy.Name },
            { Attributes.AttemptKind, Spans.Kind(attempt.IsReplay) },
            { Attributes.Outcome, outcome },
        };
        if (type is not null) tags.Add(Attributes.ErrorType, type);
        Instruments.Attempts.Add(1, tags);
        Instruments.AttemptDuration.Record(time.GetElapsedTime(attempt.Began).TotalSeconds, tags);
        if (attempt.Span is not null) Spans.AttemptEnded(attempt, outcome, status, error, failure);
    }

    private static RunIdentity Identity(Attempt attempt) => new(attempt.Run, attempt.Route, attempt.Policy.Name);
}
