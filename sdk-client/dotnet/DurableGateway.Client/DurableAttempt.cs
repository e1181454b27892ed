using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net.Http;
using System.Runtime.ExceptionServices;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>
/// An attempt of a run, which a host wraps around the handler of a request. For ASP.NET Core, use
/// <c>DurableGateway.Client.AspNetCore</c>. Other hosts use this class.
/// </summary>
/// <example>
/// <code>
/// using var attempt = DurableAttempt.Begin(name => request.Headers[name], httpClient, aborted: cancellation);
/// var verdict = await attempt.RunAsync(cancellation => handler(attempt.Step, cancellation));
/// SetHeaders(verdict.Headers);
/// if (!verdict.IsCompleted) Answer(verdict.StatusCode, verdict.Problem);
/// </code>
/// </example>
public sealed class DurableAttempt : IDisposable
{
    private const string Version = "1";

    private readonly CancellationTokenSource _over;
    private readonly CancellationTokenSource _handlerOver;
    private readonly StepActivity _activity;
    private readonly DurableStepsOptions _options;
    private readonly StepRunner _runner;
    private readonly StoredSteps _stored;
    private readonly string? _build;
    private readonly string? _egressToken;
    private readonly bool _isLast;
    private bool _threw;

    private DurableAttempt(
        RunInfo run, GatewayClient? gateway, Dictionary<string, StepOutcome> known, bool complete, bool isLast,
        DurableStepsOptions options, string? egressToken, CancellationToken aborted)
    {
        _egressToken = egressToken;
        _over = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        _handlerOver = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
        _activity = new StepActivity(options);
        _over.Token.Register(_activity.Release);
        _options = options;
        _stored = new StoredSteps(known, complete, gateway);
        _build = gateway is null ? null : options.BuildHeader;
        _isLast = isLast;
        _runner = new StepRunner(run, gateway, _stored, _activity, options, egressToken, _over, aborted);
    }

    /// <summary>The steps of the handler.</summary>
    public IStep Step => _runner;

    /// <summary>
    /// The verdict that overrides a response that starts now: the run is suspended, or the attempt has failed.
    /// <see langword="null"/> if the response can be sent.
    /// </summary>
    public AttemptVerdict? Override => _runner.Override;

    /// <summary>Starts an attempt from the headers of a request. Without headers of the gateway, the steps are executed but not
    /// stored.</summary>
    /// <param name="header">Returns the value of a request header, with multiple lines joined by a comma.</param>
    /// <param name="http">
    /// Sends the checkpoints. It should retry calls that get no answer or <c>503</c> a few times. All calls can be repeated.
    /// </param>
    /// <param name="options">The options of the steps.</param>
    /// <param name="aborted">Cancelled when the request is cancelled.</param>
    /// <exception cref="CheckpointException">The headers are invalid, or of an unknown version.</exception>
    public static DurableAttempt Begin(
        Func<string, string?> header, HttpClient http, DurableStepsOptions? options = null, CancellationToken aborted = default)
    {
        if (header is null) throw new ArgumentNullException(nameof(header));
        if (http is null) throw new ArgumentNullException(nameof(http));
        options ??= new DurableStepsOptions();
        var version = header(DurableHeaders.Protocol);
        if (string.IsNullOrEmpty(version)) return new DurableAttempt(RunInfo.None, null, [], true, false, options, null, aborted);
        if (version != Version)
        {
            var words = $"The gateway uses version '{version}' of the contract, and this SDK uses version {Version}. "
                + "Update the SDK of this service.";
            throw new CheckpointException(words) { ClientMessage = words };
        }

        try
        {
            var run = new RunInfo(Required(DurableHeaders.RunId),
                int.Parse(Required(DurableHeaders.Attempt), NumberStyles.None, CultureInfo.InvariantCulture));
            var callbacks = Required(DurableHeaders.Callback).Split(',').Select(Address).ToArray();
            var known = StepsHeader.Parse(header(DurableHeaders.Steps));
            var count = header(DurableHeaders.StepCount) is { Length: > 0 } text
                ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)
                : 0;
            var gateway = new GatewayClient(http, callbacks, Required(DurableHeaders.Token), options.BuildHeader);
            return new DurableAttempt(run, gateway, known, count <= known.Count,
                header(DurableHeaders.FinalAttempt)?.Trim() == "?1", options, header(DurableHeaders.EgressToken), aborted);
        }
        catch (Exception e) when (e is FormatException or OverflowException)
        {
            throw new CheckpointException($"The headers of the attempt cannot be read: {e.Message}", e);
        }

        static Uri Address(string text) => Uri.TryCreate(text.Trim(), UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? url
            : throw new FormatException($"{DurableHeaders.Callback} has '{text}', which is not an HTTP URL.");

        string Required(string name) => header(name) is { Length: > 0 } value ? value : throw new FormatException($"{name} is missing.");
    }

    /// <summary>
    /// Whether the run has started its rollback in an earlier attempt. Then the response of the handler never counts, whatever it is, and
    /// must not be sent.
    /// </summary>
    /// <exception cref="CheckpointException">The gateway cannot be asked.</exception>
    internal async Task<bool> HasRollbackBegunAsync() =>
        await _stored.FindAsync(StepNames.RollbackBegun, StepTypes.Run, _over.Token).ConfigureAwait(false) is not null;

    /// <summary>Executes the handler and returns the verdict.</summary>
    /// <param name="handler">The handler. Its token is cancelled when the attempt ends or is suspended.</param>
    /// <returns>A completed verdict if the handler finished; otherwise the response to send instead of the handler's.</returns>
    /// <remarks>
    /// <para>Branches of the handler are independent. If one waits for a step, the others continue, and the handler may end without it. The
    /// attempt is suspended when no branch can continue (<see cref="DurableStepsOptions.SuspendAfter"/>).
    /// The method then waits until the handler has ended.</para>
    /// <para>An exception of the handler that no step caused is thrown to the host, as without steps. After the method returns, no step is
    /// executing.</para>
    /// <para>If the handler failed finally, its compensations (<see cref="IStep.OnRollback"/>) have been executed.</para>
    /// </remarks>
    public async Task<AttemptVerdict> RunAsync(Func<CancellationToken, Task> handler)
    {
        if (handler is null) throw new ArgumentNullException(nameof(handler));
        ExceptionDispatchInfo? failure = null;
        try
        {
            EgressFlow.Enter(_egressToken, isInStep: false);
            var handling = handler(_handlerOver.Token);
            if (!handling.IsCompleted) await SuspendWhenStillAsync(handling).ConfigureAwait(false);
            await handling.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }

        // Set before any wait, so that a response that the host writes for the exception does not count as the handler's.
        _threw = failure is not null;
        var verdict = await _runner.EndAsync(failure?.SourceException, wasOver: _runner.IsOver, _isLast).ConfigureAwait(false);
        if (verdict is null) failure?.Throw();
        verdict ??= AttemptVerdict.Completed;
        var finished = verdict.IsCompleted || verdict.Headers.Any(header => header is { Key: DurableHeaders.Retry, Value: "?0" });
        return verdict.With(Notes(finished));
    }

    /// <summary>
    /// The headers for a response of the handler or of its pipeline that starts now: those of
    /// <see cref="Override"/>, the build, and the mismatches between the handler and the stored steps.
    /// </summary>
    /// <param name="statusCode">The status of the response.</param>
    /// <remarks>
    /// Mismatches are computed as if the handler had requested all of its steps, even if the response starts earlier. A response with a
    /// status of 500 or higher counts as one of a handler that has not requested all of its steps.
    /// </remarks>
    public IReadOnlyList<KeyValuePair<string, string>> HeadersOf(int statusCode) =>
        Override is { } verdict ? [.. verdict.Headers, .. Notes(false)] : Notes(!_threw && statusCode < 500);

    /// <inheritdoc/>
    public void Dispose()
    {
        _handlerOver.Dispose();
        _over.Dispose();
    }

    /// <summary>Completes when the handler has ended on its own, or because it cannot continue.</summary>
    private async Task SuspendWhenStillAsync(Task handling)
    {
        using var ended = new CancellationTokenSource();
        var suspended = _activity.SuspendAsync(ended.Token);
        await Task.WhenAny(handling, suspended).ConfigureAwait(false);
        if (handling.IsCompleted)
        {
            ended.Cancel();
            _activity.EndByItself();
            return;
        }

        var log = _options.Log;
        log.Suspended(_runner.Run, _activity.Parked);
        var start = _options.GetTimestamp();
        _activity.Release();
        try
        {
            _handlerOver.Cancel();
        }
        catch (AggregateException)
        {
            // A callback of the token has failed. The handler is notified anyway.
        }

        await Task.WhenAny(handling).ConfigureAwait(false);
        var work = _options.GetElapsedTime(start);
        if (work > _options.SuspendAfter) log.WorkCutOff(_runner.Run, work, _options.SuspendAfter);
    }

    private List<KeyValuePair<string, string>> Notes(bool finished)
    {
        var headers = new List<KeyValuePair<string, string>>();
        if (_build is not null) headers.Add(new(DurableHeaders.Build, _build));
        if (_stored.Mismatches(finished && !_activity.HasOpenBranches) is { } mismatches)
            headers.Add(new(DurableHeaders.Mismatch, mismatches));
        return headers;
    }
}
