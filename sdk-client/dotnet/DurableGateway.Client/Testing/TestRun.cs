using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Text.Json;
using System.Threading.Tasks;

namespace DurableGateway.Client.Testing;

/// <summary>
/// A run without a gateway, for unit tests of a handler. It executes attempts in memory and keeps the outcomes of steps between them. The
/// test provides the events, callbacks and results that steps wait for.
/// </summary>
/// <remarks>
/// Steps behave as with a gateway: bodies are executed once, results are serialized, and failed tries are repeated. So a test detects a
/// handler that depends on state outside of its steps.
/// </remarks>
/// <example>
/// <code>
/// var run = new TestRun();
/// run.Complete("paid", new Payment("o-1", 9));
///
/// var result = await run.RunAsync(step => Orders.CheckOutAsync(order, payments, step));
///
/// Assert.Equal(["charge", "paid", "label"], run.Steps);
/// </code>
/// </example>
public sealed class TestRun
{
    private const int MaxRounds = 1000;

    private readonly TestGateway _gateway;
    private readonly DurableStepsOptions _options;
    private int _attempt;

    /// <summary>Creates a run.</summary>
    /// <param name="options">The options of the steps; <see langword="null"/> for the default with a shorter
    /// <see cref="DurableStepsOptions.SuspendAfter"/>.</param>
    public TestRun(DurableStepsOptions? options = null)
    {
        _options = options ?? new DurableStepsOptions { SuspendAfter = TimeSpan.FromMilliseconds(50), ErrorDetails = true };
        _gateway = new TestGateway(() => _attempt, () => MaxAttempts);
    }

    /// <summary>The maximum number of tries of a step without options.</summary>
    /// <value>The default is 3.</value>
    public int MaxAttempts { get; set; } = 3;

    /// <summary>The number of attempts so far.</summary>
    public int Attempts => _attempt;

    /// <summary>The ids of the steps that have an outcome, oldest first.</summary>
    public IReadOnlyList<string> Steps => _gateway.Stored;

    /// <summary>The ids of the steps that sleep, wait, or will be retried.</summary>
    public IReadOnlyList<string> Pending => _gateway.Pending(_ => true);

    /// <summary>The types of the sent events, oldest first.</summary>
    public IReadOnlyList<string> SentEvents => _gateway.Events;

    /// <summary>Completes a step that waits for an event, a callback or another route, or ends a sleep.</summary>
    /// <param name="step">The id of the step.</param>
    /// <param name="data">The data: JSON, or <see cref="byte"/>s unchanged; <see langword="null"/> for no data.</param>
    public void Complete(string step, object? data = null)
    {
        if (step is null) throw new ArgumentNullException(nameof(step));
        var body = data switch
        {
            null => [],
            byte[] bytes => bytes,
            _ => JsonSerializer.SerializeToUtf8Bytes(data, _options.JsonOrDefault.GetTypeInfo(data.GetType())),
        };
        _gateway.Script(step, failed: false, data is byte[]? StepContent.BytesType : StepContent.JsonType, body);
    }

    /// <summary>Times out a step that waits for an event or a callback.</summary>
    /// <param name="step">The id of the step.</param>
    public void TimeOut(string step)
    {
        if (step is null) throw new ArgumentNullException(nameof(step));
        _gateway.Script(step, failed: true, StepProblem.ContentType,
            """{"type":"/_durable/problems/step-timeout","title":"The step timed out","status":504}"""u8.ToArray());
    }

    /// <summary>Executes the handler as the next attempt.</summary>
    /// <param name="handler">The handler.</param>
    /// <param name="isFinal">Whether the policy allows no further attempt, so that any failure is final.</param>
    /// <returns>The verdict that a host would send to the gateway.</returns>
    /// <remarks>Throws an exception of the handler that is not a final failure. A gateway would retry.</remarks>
    public async Task<AttemptVerdict> AttemptAsync(Func<IStep, Task> handler, bool isFinal = false)
    {
        if (handler is null) throw new ArgumentNullException(nameof(handler));
        _attempt++;
        var headers = new Dictionary<string, string>
        {
            [DurableHeaders.Protocol] = "1",
            [DurableHeaders.RunId] = TestGateway.RunId,
            [DurableHeaders.Attempt] = _attempt.ToString(CultureInfo.InvariantCulture),
            [DurableHeaders.Callback] = TestGateway.Url,
            [DurableHeaders.Token] = "test",
            [DurableHeaders.StepCount] = Steps.Count.ToString(CultureInfo.InvariantCulture),
        };
        if (isFinal) headers[DurableHeaders.FinalAttempt] = "?1";
        using var http = _gateway.NewClient();
        using var attempt = DurableAttempt.Begin(name => headers.TryGetValue(name, out var value) ? value : null, http, _options);
        return await attempt.RunAsync(_ => handler(attempt.Step)).ConfigureAwait(false);
    }

    /// <summary>
    /// Executes attempts until the handler ends. Sleeps end immediately, and retries have no delay.
    /// </summary>
    /// <typeparam name="T">The type of the handler's result.</typeparam>
    /// <param name="handler">The handler.</param>
    /// <returns>The result of the handler.</returns>
    /// <exception cref="StepFailedException">A step has failed finally, and the handler did not catch it.
    /// Other exceptions of the handler are thrown too.</exception>
    /// <exception cref="InvalidOperationException">The handler waits for a step that the test has not completed
    /// (<see cref="Complete"/>).</exception>
    public async Task<T> RunAsync<T>(Func<IStep, Task<T>> handler)
    {
        if (handler is null) throw new ArgumentNullException(nameof(handler));
        for (var round = 0; round < MaxRounds; round++)
        {
            T result = default!;
            Exception? failure = null;
            var verdict = await AttemptAsync(async step =>
            {
                try
                {
                    result = await handler(step).ConfigureAwait(false);
                }
                catch (Exception e)
                {
                    failure = e;
                    throw;
                }
            }).ConfigureAwait(false);
            if (verdict.IsCompleted) return result;
            if (!verdict.IsSuspended)
            {
                if (failure is not null) ExceptionDispatchInfo.Capture(failure).Throw();
                throw new InvalidOperationException("The run failed: " + System.Text.Encoding.UTF8.GetString(verdict.Problem ?? []));
            }

            foreach (var sleep in _gateway.Pending(type => type == StepTypes.Sleep)) Complete(sleep);
            if (_gateway.Pending(type => type is StepTypes.Sleep or StepTypes.Run).Count > 0 || _gateway.CanGoOn) continue;
            throw new InvalidOperationException(
                $"The handler waits for {string.Join(", ", Pending.Select(step => $"'{step}'"))}. "
                + $"Complete the step with {nameof(Complete)}, time it out with {nameof(TimeOut)}, "
                + $"or execute single attempts with {nameof(AttemptAsync)}.");
        }

        throw new InvalidOperationException($"The handler has not ended after {MaxRounds} attempts.");
    }

    /// <summary>Executes attempts until a handler without a result ends.</summary>
    /// <param name="handler">The handler.</param>
    /// <exception cref="StepFailedException">A step has failed finally, and the handler did not catch it.</exception>
    /// <exception cref="InvalidOperationException">The handler waits for a step that the test has not completed.</exception>
    public Task RunAsync(Func<IStep, Task> handler)
    {
        if (handler is null) throw new ArgumentNullException(nameof(handler));
        return RunAsync(async step =>
        {
            await handler(step).ConfigureAwait(false);
            return true;
        });
    }
}
