
namespace DurableGateway.Diagnostics;

/// <summary>
/// The names of traces and metrics. Dashboards, alerts and tests depend on them. In Prometheus, underscores replace the dots, and the usual
/// suffixes follow: <c>durable_runs_started_total</c>, <c>durable_replay_lag_seconds_bucket</c>.
/// </summary>
public static class TelemetryNames
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Source = "DurableGateway";

    /// <summary>The default of <c>service.name</c>; <c>OTEL_SERVICE_NAME</c> overrides it.</summary>
    public const string Service = "durable-gateway";

    /// <summary>The names of instruments.</summary>
    public static class Metrics
    {
        /// <summary>Counter, <c>{run}</c>, by route and policy.</summary>
        public const string RunsStarted = "durable.runs.started";

        /// <summary>Counter, <c>{run}</c>, by route, policy and outcome: <c>completed</c>, <c>failed</c> or <c>cancelled</c>.</summary>
        public const string RunsEnded = "durable.runs.ended";

        /// <summary>
        /// Counter, <c>{run}</c>, by route and policy: runs that had to wait because of a limit of their policy.
        /// </summary>
        public const string RunsQueued = "durable.runs.queued";

        /// <summary>Counter, <c>{run}</c>, by route and policy: attempts that ended with pending steps.</summary>
        public const string RunsSuspended = "durable.runs.suspended";

        /// <summary>
        /// Counter, <c>{attempt}</c>, by route, policy, kind (<c>live</c>, <c>replay</c>) and outcome: <c>completed</c>, <c>failed</c>,
        /// <c>suspended</c>, <c>handed_back</c>, <c>lost</c> or <c>abandoned</c>.
        /// </summary>
        public const string Attempts = "durable.attempts";

        /// <summary>Gauge, <c>{attempt}</c>: attempts in flight on this node.</summary>
        public const string AttemptsInFlight = "durable.attempts.in_flight";

        /// <summary>
        /// Counter, <c>{step}</c>, by policy, type and outcome: <c>completed</c>, <c>failed</c>, <c>started</c>, <c>pending</c> (a retry is
        /// scheduled, or the step waits), <c>repeated</c> (the step already had an outcome) or <c>refused</c>.
        /// </summary>
        public const string Steps = "durable.steps";

        /// <summary>Histogram, <c>s</c>, by policy: the time from a step call to its answer.</summary>
        public const string CheckpointDuration = "durable.checkpoint.duration";

        /// <summary>Histogram, <c>s</c>, by route and policy: the time from when a run is due to its claim.</summary>
        public const string ReplayLag = "durable.replay.lag";

        /// <summary>Histogram, <c>s</c>, labelled as <see cref="Attempts"/>: the time from the start of an attempt to its end.</summary>
        public const string AttemptDuration = "durable.attempt.duration";

        /// <summary>
        /// Histogram, <c>s</c>, labelled as <see cref="RunsEnded"/>: the time from the start of a run to its end. Cancelled runs are not
        /// included.
        /// </summary>
        public const string RunDuration = "durable.run.duration";

        /// <summary>Gauge, <c>{replay}</c>: replays in flight on this node.</summary>
        public const string ReplaysInFlight = "durable.replays.in_flight";

        /// <summary>Counter, <c>{redirect}</c>, by route and policy: clients that were redirected to the result URL.</summary>
        public const string Redirects = "durable.redirects";

        /// <summary>
        /// Counter, <c>{call}</c>, by route and outcome: calls of services that belong to a run. The outcome is <c>remembered</c>,
        /// <c>answered</c> (from memory), <c>passed</c>, <c>failed</c>, <c>drifted</c> or <c>refused</c>.
        /// </summary>
        public const string EgressCalls = "durable.egress.calls";

        /// <summary>Counter, <c>{call}</c>, by route: calls of services that belong to no run, and are only forwarded.</summary>
        public const string EgressUnbound = "durable.egress.unbound";

        /// <summary>
        /// Counter, <c>{try}</c>, by route and error.type: failed tries of calls of services that were followed by another one
        /// (<c>Durable.Step.Retry</c>).
        /// </summary>
        public const string EgressRetries = "durable.egress.retries";

        /// <summary>
        /// Gauge, <c>{run}</c>: stored runs that have not ended, waiting or in flight. The same on every node of a store.
        /// </summary>
        public const string RunsOpen = "durable.runs.open";

        /// <summary>Gauge, <c>{run}</c>: open runs that are due and not claimed. The same on every node.</summary>
        public const string RunsOverdue = "durable.runs.overdue";

        /// <summary>
        /// Gauge, <c>s</c>: how long the oldest overdue run has been due; 0 if there is none. The same on every node.
        /// </summary>
        public const string OldestOverdue = "durable.runs.overdue.age";

        /// <summary>
        /// Counter, <c>{delivery}</c>, by kind and outcome: deliveries of notices. The outcome is <c>delivered</c>, <c>failed</c> (tried
        /// again) or <c>given_up</c>.
        /// </summary>
        public const string Notices = "durable.notices";

        /// <summary>Counter, <c>{error}</c>, by error.type: calls that the store did not answer, or answered with an error.</summary>
        public const string StoreErrors = "durable.store.errors";

        /// <summary>Gauge: 1 if this node is connected to the store, otherwise 0.</summary>
        public const string StoreReady = "durable.store.ready";

        /// <summary>Gauge, <c>By</c>: the size of the data in the embedded store. Absent with Redis.</summary>
        public const string StoreUsed = "durable.store.used";

        /// <summary>
        /// Gauge, <c>By</c>: <c>Durable:Store:MaxBytes</c>, the size from which the embedded store refuses new runs. Absent with Redis.
        /// </summary>
        public const string StoreLimit = "durable.store.limit";

        /// <summary>Gauge, <c>{run}</c>: runs that wait for a place under a concurrency limit. The same on every node.</summary>
        public const string FlowWaiting = "durable.flow.waiting";

        /// <summary>Gauge, <c>{run}</c>: runs on this node that have a place under a concurrency limit.</summary>
        public const string FlowInFlight = "durable.flow.in_flight";
    }

    /// <summary>The names of spans. The id of the route or of the step follows after a space.</summary>
    public static class SpanNames
    {
        /// <summary>A run, from its start to its end.</summary>
        public const string Run = "run";

        /// <summary>An attempt.</summary>
        public const string Attempt = "attempt";

        /// <summary>A step, as reported by its checkpoint.</summary>
        public const string Step = "step";

        /// <summary>A store call. The operation comes first: <c>Claim redis</c>.</summary>
        public const string Store = "redis";
    }

    /// <summary>The names of attributes. Some are only on spans, because a run is never a label of a metric.</summary>
    public static class Attributes
    {
        /// <summary>The id of the run. Only on spans and logs.</summary>
        public const string RunId = "durable.run.id";

        /// <summary>The number of the attempt: 1, 2, 3, … Only on spans.</summary>
        public const string AttemptNumber = "durable.attempt.number";

        /// <summary>The id of the step. Only on spans.</summary>
        public const string StepId = "durable.step.id";

        /// <summary>The id of the route.</summary>
        public const string Route = "durable.route";

        /// <summary>The name of the policy that the run started under.</summary>
        public const string Policy = "durable.policy";

        /// <summary>The kind of the attempt: <c>live</c> or <c>replay</c>.</summary>
        public const string AttemptKind = "durable.attempt.kind";

        /// <summary>The outcome of a run, an attempt or a step.</summary>
        public const string Outcome = "durable.outcome";

        /// <summary>The type of the step: <c>run</c>, <c>sleep</c>, …</summary>
        public const string StepType = "durable.step.type";

        /// <summary>The kind of the notice: <c>failed</c>, <c>stuck</c> or <c>mismatch</c>.</summary>
        public const string NoticeKind = "durable.notice.kind";

        /// <summary>From OpenTelemetry: the status, the forwarder's error or the exception.</summary>
        public const string ErrorType = "error.type";

        /// <summary>From OpenTelemetry: the status of the service's response.</summary>
        public const string ResponseStatus = "http.response.status_code";

        /// <summary>From OpenTelemetry: how many times the request was sent before. Only on spans.</summary>
        public const string ResendCount = "http.request.resend_count";

        /// <summary>From OpenTelemetry.</summary>
        public const string DbSystem = "db.system.name";

        /// <summary>From OpenTelemetry.</summary>
        public const string DbOperation = "db.operation.name";
    }
}
