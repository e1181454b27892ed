
namespace DurableGateway.Diagnostics;

/// <summary>
/// What traces and metrics are called. Dashboards, alerts and tests rely on these names; in Prometheus dots are underscores, and the
/// unit and <c>_total</c> follow as usual: <c>durable_runs_started_total</c>, <c>durable_replay_lag_seconds_bucket</c>.
/// </summary>
public static class TelemetryNames
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Source = "DurableGateway";

    /// <summary>The default of <c>service.name</c>; <c>OTEL_SERVICE_NAME</c> overrides it.</summary>
    public const string Service = "durable-gateway";

    /// <summary>Names of instruments.</summary>
    public static class Metrics
    {
        /// <summary>Counter, <c>{run}</c>, by route and policy.</summary>
        public const string RunsStarted = "durable.runs.started";

        /// <summary>Counter, <c>{run}</c>, by route, policy and outcome: <c>completed</c>, <c>failed</c> or <c>cancelled</c>.</summary>
        public const string RunsEnded = "durable.runs.ended";

        /// <summary>
        /// Counter, <c>{run}</c>, by route and policy: runs that had to wait for their turn under a limit of their policy.
        /// </summary>
        public const string RunsQueued = "durable.runs.queued";

        /// <summary>Counter, <c>{run}</c>, by route and policy: attempts that ended with steps pending.</summary>
        public const string RunsSuspended = "durable.runs.suspended";

        /// <summary>
        /// Counter, <c>{attempt}</c>, by route, policy, kind (<c>live</c>, <c>replay</c>) and outcome: <c>completed</c>, <c>failed</c>,
        /// <c>suspended</c>, <c>handed_back</c>, <c>lost</c> or <c>abandoned</c>.
        /// </summary>
        public const string Attempts = "durable.attempts";

        /// <summary>Gauge, <c>{attempt}</c>: at work on this node.</summary>
        public const string AttemptsInFlight = "durable.attempts.in_flight";

        /// <summary>
        /// Counter, <c>{step}</c>, by policy, type and outcome: <c>completed</c>, <c>failed</c>, <c>started</c>, <c>pending</c> (a retry is
        /// scheduled, or it waits), <c>repeated</c> (an outcome was there) or <c>refused</c>.
        /// </summary>
        public const string Steps = "durable.steps";

        /// <summary>Histogram, <c>s</c>, by policy: from a step call to its answer.</summary>
        public const string CheckpointDuration = "durable.checkpoint.duration";

        /// <summary>Histogram, <c>s</c>, by route and policy: from the time at which a run was due to its claim.</summary>
        public const string ReplayLag = "durable.replay.lag";

        /// <summary>Gauge, <c>{replay}</c>: at work on this node.</summary>
        public const string ReplaysInFlight = "durable.replays.in_flight";

        /// <summary>Counter, <c>{redirect}</c>, by route and policy: clients that were sent to the result URL.</summary>
        public const string Redirects = "durable.redirects";

        /// <summary>
        /// Gauge, <c>{run}</c>: stored runs that have not ended, waiting or in flight. The same on every node of a store.
        /// </summary>
        public const string RunsOpen = "durable.runs.open";

        /// <summary>Gauge, <c>{run}</c>: of those, the ones that are due, and that no node has taken up. The same on every node.</summary>
        public const string RunsOverdue = "durable.runs.overdue";

        /// <summary>
        /// Gauge, <c>s</c>: for how long the oldest of the overdue has been due; 0 where none is. The same on every node.
        /// </summary>
        public const string OldestOverdue = "durable.runs.overdue.age";

        /// <summary>
        /// Counter, <c>{delivery}</c>, by kind and outcome: notices that were <c>delivered</c>, <c>failed</c> and are tried again,
        /// or <c>given_up</c>.
        /// </summary>
        public const string Notices = "durable.notices";

        /// <summary>Counter, <c>{error}</c>, by error.type: calls that the store did not answer, or answered with an error.</summary>
        public const string StoreErrors = "durable.store.errors";

        /// <summary>Gauge, 1 while the store is connected on this node, else 0.</summary>
        public const string StoreReady = "durable.store.ready";

        /// <summary>Gauge, <c>By</c>: what the embedded store keeps. Absent with another store.</summary>
        public const string StoreUsed = "durable.store.used";

        /// <summary>
        /// Gauge, <c>By</c>: <c>Durable:Store:MaxBytes</c>, from which on new runs are refused. Absent with another store.
        /// </summary>
        public const string StoreLimit = "durable.store.limit";

        /// <summary>Gauge, <c>{run}</c>: runs that wait for their turn under a concurrency limit. The same on every node.</summary>
        public const string FlowWaiting = "durable.flow.waiting";

        /// <summary>Gauge, <c>{run}</c>: runs on this node that have a place under a concurrency limit.</summary>
        public const string FlowInFlight = "durable.flow.in_flight";
    }

    /// <summary>What spans are called; the id of the route or of the step follows after a space.</summary>
    public static class SpanNames
    {
        /// <summary>A run, from its start to its end.</summary>
        public const string Run = "run";

        /// <summary>One sending of the request to the service.</summary>
        public const string Attempt = "attempt";

        /// <summary>A step, as its checkpoint tells.</summary>
        public const string Step = "step";

        /// <summary>A call of the store; the operation comes first: <c>Claim redis</c>.</summary>
        public const string Store = "redis";
    }

    /// <summary>Attributes. Those of spans alone are marked so: a run is never a label of a metric.</summary>
    public static class Attributes
    {
        /// <summary>On spans and logs alone.</summary>
        public const string RunId = "durable.run.id";

        /// <summary>On spans alone: 1, 2, 3, …</summary>
        public const string AttemptNumber = "durable.attempt.number";

        /// <summary>On spans alone.</summary>
        public const string StepId = "durable.step.id";

        /// <summary>The id of the route.</summary>
        public const string Route = "durable.route";

        /// <summary>The name of the policy that the run started under.</summary>
        public const string Policy = "durable.policy";

        /// <summary><c>live</c> or <c>replay</c>.</summary>
        public const string AttemptKind = "durable.attempt.kind";

        /// <summary>How a run, an attempt or a step ended.</summary>
        public const string Outcome = "durable.outcome";

        /// <summary><c>run</c>, <c>sleep</c>, …</summary>
        public const string StepType = "durable.step.type";

        /// <summary><c>failed</c>, <c>stuck</c> or <c>mismatch</c>.</summary>
        public const string NoticeKind = "durable.notice.kind";

        /// <summary>OpenTelemetry's: the status, the forwarder's error or the exception.</summary>
        public const string ErrorType = "error.type";

        /// <summary>OpenTelemetry's: the status that the service answered with.</summary>
        public const string ResponseStatus = "http.response.status_code";

        /// <summary>OpenTelemetry's.</summary>
        public const string DbSystem = "db.system.name";

        /// <summary>OpenTelemetry's.</summary>
        public const string DbOperation = "db.operation.name";
    }
}
