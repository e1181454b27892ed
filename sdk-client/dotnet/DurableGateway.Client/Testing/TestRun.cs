using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Text.Json;
using System.Threading.Tasks;

namespace DurableGateway.Client.Testing;

/// <summary>
/// A run without a gateway, for unit tests of a handler: its attempts are made in memory, and the outcomes of steps are kept from one to
/// the next. What steps wait for is said by the test.
/// </summary>
/// <remarks>
/// The steps are those of the SDK, as behind a gateway: bodies are executed once, results are written and read, failed tries are made
/// again. A handler that depends on something outside of its steps shows it here.
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

    /// <summary>Begins a run.</summary>
    /// <param name="options">How steps are kept; <see langword="null"/>: as by default, but attempts that cannot go on end sooner.</param>
    public TestRun(DurableStepsOptions? options = null)
    {
        _options = options ?? new DurableStepsOptions { SuspendAfter = TimeSpan.FromMilliseconds(50), ErrorDetails = true };
        _gateway = new TestGateway(() => _attempt, () => MaxAttempts);
    }

    /// <summary>How often a step is tried that says nothing else.</summary>
    /// <value>The default is 3.</value>
    public int MaxAttempts { get; set; } = 3;

    /// <summary>How many attempts have begun.</summary>
    public int Attempts => _attempt;

    /// <summary>The ids of the steps that have an outcome, oldest first.</summary>
    public IReadOnlyList<string> Steps => _gateway.Stored;

    /// <summary>The ids of the steps that sleep, wait, or are tried again.</summary>
    public IReadOnlyList<string> Pending => _gateway.Pending(_ => true);

    /// <summary>The types of the events that were sent, oldest first.</summary>
    public IReadOnlyList<string> SentEvents => _gateway.Events;

    /// <summary>Says what a step gets that waits for an event, a callback or another route; or that a sleep is over.</summary>
    /// <param name="step">The step's id.</param>
    /// <param name="data">The data: written as JSON, but <see cref="byte"/>s as they are; <see langword="null"/>: none.</param>
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

    /// <summary>Lets the time of a step be over that waits for an event or a callback.</summary>
    /// <param name="step">The step's id.</param>
    public void TimeOut(string step)
    {
        if (step is null) throw new ArgumentNullException(nameof(step));
        _gateway.Script(step, failed: true, StepProblem.ContentType,
            """{"type":"/_durable/problems/step-timeout","title":"The step timed out","status":504}"""u8.ToArray());
    }

    /// <summary>Executes the handler as the next attempt.</summary>
    /// <param name="handler">The handler.</param>
    /// <param name="isFinal">Whether the policy allows no further attempt: any failure is for good then.</param>
    /// <returns>What a gateway would be told.</returns>
    /// <remarks>An exception of the handler that is no failure for good is thrown here: the gateway would try again.</remarks>
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
    /// Executes the handler from attempt to attempt until it ends. Sleeps are over at once, and delays before retries are left out.
    /// </summary>
    /// <typeparam name="T">What the handler returns.</typeparam>
    /// <param name="handler">The handler.</param>
    /// <returns>What the handler returned.</returns>
    /// <exception cref="StepFailedException">A step has failed for good, and the handler did not catch it.
    /// Other exceptions of the handler are thrown, too.</exception>
    /// <exception cref="InvalidOperationException">The handler waits for what the test has not said (<see cref="Complete"/>).</exception>
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
                throw new InvalidOperationException("The run has failed: " + System.Text.Encoding.UTF8.GetString(verdict.Problem ?? []));
            }

            foreach (var sleep in _gateway.Pending(type => type == StepTypes.Sleep)) Complete(sleep);
            if (_gateway.Pending(type => type is StepTypes.Sleep or StepTypes.Run).Count > 0 || _gateway.CanGoOn) continue;
            throw new InvalidOperationException(
                $"The handler waits for {string.Join(", ", Pending.Select(step => $"'{step}'"))}. Say with {nameof(Complete)} what comes, "
                + $"or with {nameof(TimeOut)} that nothing "
                + $"does; or execute single attempts with {nameof(AttemptAsync)}.");
        }

        throw new InvalidOperationException($"The handler has not ended after {MaxRounds} attempts.");
    }

    /// <summary>The same, of a handler that returns nothing.</summary>
    /// <param name="handler">The handler.</param>
    /// <exception cref="StepFailedException">As above.</exception>
    /// <exception cref="InvalidOperationException">As above.</exception>
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
