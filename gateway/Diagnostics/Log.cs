using DurableGateway.Protocol;

namespace DurableGateway.Diagnostics;

/// <summary>The log messages, with stable ids. Messages at level Error require action by an operator.</summary>
internal static partial class Log
{
    /// <summary>Adds the run's id to all log lines until the scope is disposed, including those of other components.</summary>
    public static IDisposable? InRun(this ILogger log, RunId run) => log.BeginScope(new RunScope(run));

    [LoggerMessage(100, LogLevel.Warning,
        "The store at {EndPoints} does not respond. All routes are served, but no request is durable. {Reason}")]
    public static partial void StoreAway(this ILogger log, string endPoints, string reason);

    [LoggerMessage(107, LogLevel.Warning, "The store at {EndPoints} has not responded for {Time:c}, and {Calls} calls have failed. "
        + "All routes are served, but no request is durable. {Reason}")]
    public static partial void StoreStillAway(this ILogger log, string endPoints, TimeSpan time, long calls, string reason);

    [LoggerMessage(108, LogLevel.Information, "The store at {EndPoints} responds again, after {Time:c} and {Calls} failed calls")]
    public static partial void StoreBack(this ILogger log, string endPoints, TimeSpan time, long calls);

    [LoggerMessage(109, LogLevel.Warning,
        "Too few replicas have confirmed writes for {Time:c} and {Calls} calls (Durable:Store:MinReplicas). {Reason}")]
    public static partial void ReplicasMissing(this ILogger log, TimeSpan time, long calls, string reason);

    [LoggerMessage(145, LogLevel.Information, "Enough replicas confirm writes again, after {Time:c} and {Calls} failed calls")]
    public static partial void ReplicasBack(this ILogger log, TimeSpan time, long calls);

    [LoggerMessage(146, LogLevel.Warning, "Large calls to the store (256 KiB and more) have failed for {Time:c} and {Calls} calls. "
        + "The store, or the network to it, is too slow for them. {Reason}")]
    public static partial void LargeCallsFail(this ILogger log, TimeSpan time, long calls, string reason);

    [LoggerMessage(147, LogLevel.Information, "Large calls to the store succeed again, after {Time:c} and {Calls} failed calls")]
    public static partial void LargeCallsWork(this ILogger log, TimeSpan time, long calls);

    [LoggerMessage(103, LogLevel.Warning, "This machine's clock is ahead of the store's by {Ahead}. The gateway uses the store's time")]
    public static partial void ClockDiffers(this ILogger log, TimeSpan ahead);

    [LoggerMessage(104, LogLevel.Warning, "The gateway cannot subscribe to the signals of other nodes. It tries again. {Reason}")]
    public static partial void DeafToOthers(this ILogger log, string reason);

    [LoggerMessage(105, LogLevel.Information,
        "The embedded store was compacted: {Keys} keys, {Megabytes} MiB in {Seconds:0.0} s; calls waited for at most {Milliseconds:0} ms")]
    public static partial void Compacted(this ILogger log, int keys, long megabytes, double seconds, double milliseconds);

    [LoggerMessage(154, LogLevel.Debug, "The embedded store is being compacted: its file has {Megabytes} MiB, its memory {Used} MiB")]
    public static partial void Compacting(this ILogger log, long megabytes, long used);

    [LoggerMessage(106, LogLevel.Warning, "The embedded store could not be compacted, and grows. The gateway tries again. {Reason}")]
    public static partial void NotCompacted(this ILogger log, string reason);

    [LoggerMessage(152, LogLevel.Warning,
        "The embedded store has been full for {Time:c} and {Calls} refused calls. New runs are not stored. Stored runs continue. "
            + "Raise Durable:Store:MaxBytes if there is memory, shorten Retention, or use Redis. {Reason}")]
    public static partial void StoreFull(this ILogger log, TimeSpan time, long calls, string reason);

    [LoggerMessage(153, LogLevel.Information, "The embedded store has room again, after {Time:c} and {Calls} refused calls")]
    public static partial void StoreHasRoom(this ILogger log, TimeSpan time, long calls);

    [LoggerMessage(101, LogLevel.Information, "Run {RunId} could not be stored: {Reason}")]
    public static partial void NotStored(this ILogger log, RunId runId, string reason);

    [LoggerMessage(102, LogLevel.Information, "Run {RunId} is stored")]
    public static partial void Stored(this ILogger log, RunId runId);

    [LoggerMessage(110, LogLevel.Information, "Attempt {Attempt} of run {RunId} begins on route {Route}")]
    public static partial void ReplayBegins(this ILogger log, RunId runId, int attempt, string route);

    [LoggerMessage(111, LogLevel.Information,
        "Attempt {Attempt} of run {RunId} failed ({Reason}): {Request}; the next one is due at {Due:O}")]
    public static partial void AttemptFailed(this ILogger log, RunId runId, int attempt, string reason, string request, DateTimeOffset due);

    [LoggerMessage(112, LogLevel.Information, "Run {RunId} is suspended after attempt {Attempt} until {Due:O}")]
    public static partial void Suspended(this ILogger log, RunId runId, int attempt, DateTimeOffset due);

    [LoggerMessage(113, LogLevel.Information, "Run {RunId} ended as {State} with status {Status} in attempt {Attempt}")]
    public static partial void Ended(this ILogger log, RunId runId, string state, int status, int attempt);

    [LoggerMessage(128, LogLevel.Information,
        "Try {Try} of step {Step} of run {RunId} failed in attempt {Attempt} ({Reason}); the next one is due at {Due:O}")]
    public static partial void StepTryFailed(
        this ILogger log, int @try, string step, RunId runId, int attempt, string reason, DateTimeOffset due);

    [LoggerMessage(129, LogLevel.Information, "Step {Step} of run {RunId} failed permanently in attempt {Attempt} ({Reason})")]
    public static partial void StepFailed(this ILogger log, string step, RunId runId, int attempt, string reason);

    [LoggerMessage(127, LogLevel.Information,
        "The response to a request that is not durable was incomplete on route {Route} ({Reason}): {Request}")]
    public static partial void NotForwarded(this ILogger log, string route, string reason, string request);

    [LoggerMessage(126, LogLevel.Warning, "Run {RunId} failed permanently with status {Status} in attempt {Attempt} ({Reason}): {Request}")]
    public static partial void RunFailed(this ILogger log, RunId runId, int status, int attempt, string reason, string request);

    [LoggerMessage(114, LogLevel.Information,
        "Attempt {Attempt} of run {RunId} no longer owns the run: a later attempt does, or the run was cancelled")]
    public static partial void AttemptLost(this ILogger log, RunId runId, int attempt);

    [LoggerMessage(115, LogLevel.Information,
        "The outcome of attempt {Attempt} of run {RunId} could not be stored. Another attempt begins when the lease ends. {Reason}")]
    public static partial void NotRecorded(this ILogger log, RunId runId, int attempt, string reason);

    [LoggerMessage(116, LogLevel.Error, "The record of run {RunId} cannot be read, so the run was ended as failed: {Reason}")]
    public static partial void Unreadable(this ILogger log, RunId runId, string reason);

    [LoggerMessage(142, LogLevel.Warning, "A record of run {RunId} cannot be read: {Reason}")]
    public static partial void RecordUnreadable(this ILogger log, RunId runId, string reason);

    [LoggerMessage(155, LogLevel.Warning, "The list of the steps of run {RunId} was cut off, and the service reads it again: {Reason}")]
    public static partial void StepListCutOff(this ILogger log, RunId runId, string reason);

    [LoggerMessage(143, LogLevel.Debug,
        "The outcome of attempt {Attempt} of run {RunId} could not be stored yet. The gateway tries again. {Reason}")]
    public static partial void WriteRetried(this ILogger log, RunId runId, int attempt, string reason);

    [LoggerMessage(144, LogLevel.Debug, "The outbox entry {Entry} waits for the store. {Reason}")]
    public static partial void OutboxEntryWaits(this ILogger log, string entry, string reason);

    [LoggerMessage(117, LogLevel.Error, "This node does not have the key of run {RunId}. Add the key to Durable:Keys. {Reason}")]
    public static partial void KeyMissing(this ILogger log, RunId runId, string reason);

    [LoggerMessage(118, LogLevel.Warning,
        "Run {RunId} is due, but its route {Route} is not configured here. The gateway tries again before the run "
            + "fails. To give the run another route, set Durable.RenamedFrom in that route's metadata")]
    public static partial void RouteMissing(this ILogger log, RunId runId, string route);

    [LoggerMessage(120, LogLevel.Debug, "Due runs could not be claimed: {Reason}")]
    public static partial void ClaimFailed(this ILogger log, string reason);

    [LoggerMessage(119, LogLevel.Information, "Run {RunId} waits for its turn, until {Due:O} at the latest")]
    public static partial void Queued(this ILogger log, RunId runId, DateTimeOffset due);

    [LoggerMessage(122, LogLevel.Debug, "The places of runs under a concurrency limit could not be updated in the store: {Reason}")]
    public static partial void FlowControlUnavailable(this ILogger log, string reason);

    [LoggerMessage(123, LogLevel.Warning, "The stored steps of run {RunId} do not match the handler of attempt {Attempt}: {Steps}")]
    public static partial void Mismatch(this ILogger log, RunId runId, int attempt, string steps);

    [LoggerMessage(148, LogLevel.Error, "The search for due runs failed with an unexpected error. The gateway tries again")]
    public static partial void LookFailed(this ILogger log, Exception error);

    [LoggerMessage(149, LogLevel.Error, "Run {RunId} could not be claimed because of an unexpected error. The gateway tries again")]
    public static partial void RunNotClaimed(this ILogger log, Exception error, RunId runId);

    [LoggerMessage(121, LogLevel.Warning, "The outbox entry {Entry} could not be handled. The gateway tries again. {Reason}")]
    public static partial void OutboxEntryFailed(this ILogger log, string entry, string reason);

    [LoggerMessage(124, LogLevel.Warning, "The notice {Notice} could not be delivered. The gateway tries again. {Reason}")]
    public static partial void NoticeFailed(this ILogger log, string notice, string reason);

    [LoggerMessage(125, LogLevel.Error, "The notice {Notice} could not be delivered for a day, and is dropped. {Reason}")]
    public static partial void NoticeGivenUp(this ILogger log, string notice, string reason);

    [LoggerMessage(130, LogLevel.Error, "Attempt {Attempt} of run {RunId} failed with an unexpected error")]
    public static partial void Unexpected(this ILogger log, Exception error, RunId runId, int attempt);

    [LoggerMessage(132, LogLevel.Error, "A {Method} request failed with an unexpected error")]
    public static partial void RequestFailed(this ILogger log, Exception error, string method);

    [LoggerMessage(136, LogLevel.Warning,
        "The OpenID provider of Durable:Admin:Oidc does not return its keys, so its tokens are refused: {Reason}")]
    public static partial void OidcAway(this ILogger log, string reason);

    [LoggerMessage(131, LogLevel.Error, "The changed configuration is invalid. The gateway keeps the previous one: {Errors}")]
    public static partial void ReloadRefused(this ILogger log, string errors);

    [LoggerMessage(133, LogLevel.Information, "The changed configuration is in use: {Routes} routes, {Policies} policies")]
    public static partial void Reloaded(this ILogger log, int routes, int policies);

    [LoggerMessage(134, LogLevel.Warning, "These settings have changed, and take effect after a restart: {Keys}")]
    public static partial void RestartNeeded(this ILogger log, string keys);

    [LoggerMessage(135, LogLevel.Error, "The changed configuration could not be applied. The gateway keeps the previous one")]
    public static partial void ReloadFailed(this ILogger log, Exception error);

    [LoggerMessage(139, LogLevel.Warning,
        "All of the first {Count} responses of {Upstream} were 404 or 421. The gateway sends it the Host that "
            + "{Sent}. If the service does not know that host, start with --upstream-host {Other}")]
    public static partial void UnknownHost(this ILogger log, int count, string upstream, string sent, string other);

    [LoggerMessage(140, LogLevel.Information, "{Method} {Path} {Status} {Milliseconds:0.0} ms {Client}{Aborted} {RunId}")]
    public static partial void Access(
        this ILogger log, string method, string path, int status, double milliseconds, string client, string aborted, string runId);

    [LoggerMessage(137, LogLevel.Information, "A renewed certificate is in use: {Subject}, valid until {End:u}")]
    public static partial void CertificateRenewed(this ILogger log, string subject, DateTime end);

    [LoggerMessage(138, LogLevel.Error, "The certificate in {Path} cannot be read, so the previous one stays in use: {Reason}")]
    public static partial void CertificateUnreadable(this ILogger log, string path, string reason);

    [LoggerMessage(190, LogLevel.Warning, "Attempt {Attempt} of run {RunId} makes another call than the attempt before it: {What}")]
    public static partial void CallDrifted(this ILogger log, RunId runId, int attempt, string what);

    [LoggerMessage(191, LogLevel.Information, "A call of attempt {Attempt} of run {RunId} is not remembered: {What}")]
    public static partial void CallNotRemembered(this ILogger log, RunId runId, int attempt, string what);

    [LoggerMessage(195, LogLevel.Information, "A call to {Destination} was refused. {Reason}")]
    public static partial void DestinationRefused(this ILogger log, string destination, string reason);

    [LoggerMessage(192, LogLevel.Warning,
        "Call {Step} of run {RunId} was made in attempt {Attempt}, and its outcome could not be stored: {Reason}")]
    public static partial void CallNotStored(this ILogger log, string step, RunId runId, int attempt, string reason);

    [LoggerMessage(193, LogLevel.Information,
        "Call {Step} of run {RunId}, attempt {Attempt}, failed with {Reason}. The gateway makes it again after {Delay:c}")]
    public static partial void CallRetried(
        this ILogger log, string step, RunId runId, int attempt, string reason, TimeSpan delay);

    [LoggerMessage(194, LogLevel.Information, "A call of attempt {Attempt} of run {RunId} is remembered. {What}")]
    public static partial void CallUncertain(this ILogger log, RunId runId, int attempt, string what);
}
