using System;
using Microsoft.Extensions.Logging;

namespace DurableGateway.Client;

/// <summary>The log messages of steps and of the client, in the category <c>DurableGateway.Client</c>.</summary>
internal static partial class Log
{
    public static void StepIsExecuting(this ILogger log, RunInfo run, string step) => StepIsExecuting(log, step, run.Attempt, run.Id);

    public static void StepIsCompleted(this ILogger log, RunInfo run, string step, TimeSpan time) =>
        StepIsCompleted(log, step, time.TotalMilliseconds, run.Attempt, run.Id);

    public static void StepIsStored(this ILogger log, RunInfo run, string step) => StepIsStored(log, step, run.Attempt, run.Id);

    public static void StepIsPending(this ILogger log, RunInfo run, string step) => StepIsPending(log, step, run.Attempt, run.Id);

    /// <remarks>The exception is logged only if Debug is enabled, because failed tries are normal.</remarks>
    public static void TryFailed(this ILogger log, RunInfo run, string step, TimeSpan time, StepFailedException failure) => TryFailed(
        log, log.IsEnabled(LogLevel.Debug) ? failure.InnerException : null,
        step, time.TotalMilliseconds, failure.Problem.ExceptionType ?? failure.Problem.Title, failure.Problem.Detail, run.Attempt, run.Id);

    /// <remarks>As above.</remarks>
    public static void StepFailed(this ILogger log, RunInfo run, string step, TimeSpan time, StepFailedException failure) => StepFailed(
        log, log.IsEnabled(LogLevel.Debug) ? failure.InnerException : null,
        step, time.TotalMilliseconds, failure.Problem.ExceptionType ?? failure.Problem.Title, failure.Problem.Detail, run.Attempt, run.Id);

    public static void Suspended(this ILogger log, RunInfo run, string steps) => Suspended(log, run.Attempt, run.Id, steps);

    public static void WorkCutOff(this ILogger log, RunInfo run, TimeSpan time, TimeSpan after) =>
        WorkCutOff(log, run.Attempt, run.Id, time.TotalMilliseconds, after.TotalMilliseconds);

    public static void CheckpointFailed(this ILogger log, RunInfo run, CheckpointException e) =>
        CheckpointFailed(log, run.Attempt, run.Id, e.Message);

    public static void Abandoned(this ILogger log, RunInfo run, string why) => Abandoned(log, run.Attempt, run.Id, why);

    public static void Misused(this ILogger log, RunInfo run, StepUsageException e) => Misused(log, e, run.Attempt, run.Id, e.Message);

    [LoggerMessage(12, LogLevel.Error, "{Endpoint}: {Remedy}")]
    public static partial void HandlerIsNotWrapped(this ILogger log, string remedy, string? endpoint);

    [LoggerMessage(13, LogLevel.Warning, "An attempt cannot start. {Reason}")]
    public static partial void AttemptCannotBegin(this ILogger log, string reason);

    [LoggerMessage(14, LogLevel.Debug, "The client waits for the result of run {RunId}")]
    public static partial void WaitsForResult(this ILogger log, string? runId);

    [LoggerMessage(15, LogLevel.Warning, "A call to a durable route got no answer. It is repeated ({Repeat} of {MaxRepeats}). {Reason}")]
    public static partial void CallIsRepeated(this ILogger log, int repeat, int maxRepeats, string reason);

    [LoggerMessage(16, LogLevel.Warning, "The response of run {RunId} was cut off. The client reads the result of the run. {Reason}")]
    public static partial void ResponseWasCutOff(this ILogger log, string? runId, string reason);

    [LoggerMessage(17, LogLevel.Warning,
        "The connection of an event stream was lost. The client continues after event '{LastEventId}'. {Reason}")]
    public static partial void EventsWereInterrupted(this ILogger log, string? lastEventId, string reason);

    [LoggerMessage(18, LogLevel.Debug,
        "The connection that reports the progress of a run was lost. It continues after event '{LastEventId}'")]
    public static partial void ProgressInterrupted(this ILogger log, string? lastEventId);

    [LoggerMessage(1, LogLevel.Debug, "Step '{Step}' is executing in attempt {Attempt} of run {RunId}")]
    private static partial void StepIsExecuting(ILogger log, string step, int attempt, string? runId);

    [LoggerMessage(2, LogLevel.Debug, "Step '{Step}' completed after {Elapsed:0} ms in attempt {Attempt} of run {RunId}")]
    private static partial void StepIsCompleted(ILogger log, string step, double elapsed, int attempt, string? runId);

    [LoggerMessage(3, LogLevel.Debug, "Step '{Step}' already has its outcome in attempt {Attempt} of run {RunId}")]
    private static partial void StepIsStored(ILogger log, string step, int attempt, string? runId);

    [LoggerMessage(4, LogLevel.Debug, "Step '{Step}' continues in an attempt after attempt {Attempt} of run {RunId}")]
    private static partial void StepIsPending(ILogger log, string step, int attempt, string? runId);

    [LoggerMessage(5, LogLevel.Warning,
        "A try of step '{Step}' failed after {Elapsed:0} ms: {ErrorType}: {ErrorMessage} (attempt {Attempt} of run {RunId})")]
    private static partial void TryFailed(
        ILogger log, Exception? e, string step, double elapsed, string errorType, string? errorMessage, int attempt, string? runId);

    [LoggerMessage(6, LogLevel.Warning,
        "Step '{Step}' failed finally after {Elapsed:0} ms: {ErrorType}: {ErrorMessage} (attempt {Attempt} of run {RunId})")]
    private static partial void StepFailed(
        ILogger log, Exception? e, string step, double elapsed, string errorType, string? errorMessage, int attempt, string? runId);

    [LoggerMessage(7, LogLevel.Debug, "Attempt {Attempt} of run {RunId} is suspended. It waits for {Steps}")]
    private static partial void Suspended(ILogger log, int attempt, string? runId, string steps);

    [LoggerMessage(8, LogLevel.Warning,
        "Attempt {Attempt} of run {RunId} was suspended while the handler worked outside of steps. The handler ended {Elapsed:0} ms "
        + "later. The next attempt repeats that work, and does not get further if the work takes as long. "
        + "Put the work into a step, or increase SuspendAfter ({SuspendAfter:0} ms)")]
    private static partial void WorkCutOff(ILogger log, int attempt, string? runId, double elapsed, double suspendAfter);

    [LoggerMessage(9, LogLevel.Warning, "Attempt {Attempt} of run {RunId} has failed. The gateway starts another. {Reason}")]
    private static partial void CheckpointFailed(ILogger log, int attempt, string? runId, string reason);

    [LoggerMessage(10, LogLevel.Debug, "Attempt {Attempt} of run {RunId} is abandoned. {Reason}")]
    private static partial void Abandoned(ILogger log, int attempt, string? runId, string reason);

    [LoggerMessage(11, LogLevel.Error, "Attempt {Attempt} of run {RunId} uses a durable step incorrectly. {Remedy}")]
    private static partial void Misused(ILogger log, Exception e, int attempt, string? runId, string remedy);
}
