using System;
using System.Net.Http;
using System.Text.Json.Serialization.Metadata;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>
/// The durable steps of the current request. The gateway stores the outcome of a step before the handler continues. In a replay, the step
/// returns the stored outcome, and its body is not executed again.
/// </summary>
/// <remarks>
/// <para>The name identifies a step. The second use of a name within an attempt is <c>name#2</c>, the third <c>name#3</c>, so a
/// loop can use one name. Steps with different names can run in parallel.</para>
/// <para>A result is stored as JSON; <see cref="byte"/> arrays and <see cref="System.IO.Stream"/>s are stored unchanged.</para>
/// <para>Without a gateway, steps are executed but not stored. Methods that need a gateway (<see cref="WaitForEventAsync"/>,
/// <see cref="CallbackAsync"/>, <see cref="InvokeAsync"/>, <see cref="SendEventAsync"/>) then throw a
/// <see cref="StepUsageException"/>.</para>
/// <para>Every method throws <see cref="StepFailedException"/> if the step has failed finally (catch it to compensate), and
/// <see cref="StepUsageException"/> if it is used incorrectly. Do not catch other exceptions of these methods. They are
/// <see cref="OperationCanceledException"/>s or <see cref="CheckpointException"/>s, and end this attempt.</para>
/// </remarks>
public interface IStep
{
    /// <summary>The run and the attempt of this request.</summary>
    RunInfo Run { get; }

    /// <summary>Executes a step once.</summary>
    /// <typeparam name="T">The type of the result, stored as JSON with the options of the SDK.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">The body of the step. Its token is cancelled when this attempt ends.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>The result of the body, from this or an earlier attempt.</returns>
    Task<T> RunAsync<T>(string name, Func<CancellationToken, Task<T>> body, CancellationToken cancellationToken = default);

    /// <summary>Executes a step once, and stores its result with source-generated metadata.</summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">The body of the step. Its token is cancelled when this attempt ends.</param>
    /// <param name="type">The metadata to write and read <typeparamref name="T"/>.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>The result of the body, from this or an earlier attempt.</returns>
    Task<T> RunAsync<T>(
        string name, Func<CancellationToken, Task<T>> body, JsonTypeInfo<T> type, CancellationToken cancellationToken = default);

    /// <summary>Executes a step without a result once.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">The body of the step. Its token is cancelled when this attempt ends.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    Task RunAsync(string name, Func<CancellationToken, Task> body, CancellationToken cancellationToken = default);

    /// <summary>Executes a step once, with options for its tries.</summary>
    /// <typeparam name="T">The type of the result, stored as JSON with the options of the SDK.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">The body of the step. Its token is cancelled when the attempt ends or the timeout of the options elapses.</param>
    /// <param name="options">The options for the tries; <see langword="null"/> for those of the route's policy.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>The result of the body, from this or an earlier attempt.</returns>
    Task<T> RunAsync<T>(
        string name, Func<CancellationToken, Task<T>> body, StepOptions? options, CancellationToken cancellationToken = default);

    /// <summary>
    /// Executes a step once, with options for its tries, and stores its result with source-generated metadata.
    /// </summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">The body of the step. Its token is cancelled when the attempt ends or the timeout of the options elapses.</param>
    /// <param name="type">The metadata to write and read <typeparamref name="T"/>.</param>
    /// <param name="options">The options for the tries; <see langword="null"/> for those of the route's policy.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>The result of the body, from this or an earlier attempt.</returns>
    Task<T> RunAsync<T>(
        string name, Func<CancellationToken, Task<T>> body, JsonTypeInfo<T> type, StepOptions? options,
        CancellationToken cancellationToken = default);

    /// <summary>Executes a step without a result once, with options for its tries.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">The body of the step. Its token is cancelled when the attempt ends or the timeout of the options elapses.</param>
    /// <param name="options">The options for the tries; <see langword="null"/> for those of the route's policy.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    Task RunAsync(string name, Func<CancellationToken, Task> body, StepOptions? options, CancellationToken cancellationToken = default);

    /// <summary>Sleeps for a time. The run is parked, uses no resources, and the handler is executed again when the time is over.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="time">The duration from the first start of the step; a replay does not restart it. Zero or more,
    /// at most ten years.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    Task SleepAsync(string name, TimeSpan time, CancellationToken cancellationToken = default);

    /// <summary>Sleeps until a time. The run is parked, as with <see cref="SleepAsync"/>.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="time">The end of the sleep. A time in the past ends it immediately.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    Task SleepUntilAsync(string name, DateTimeOffset time, CancellationToken cancellationToken = default);

    /// <summary>Waits for an event (a CloudEvent). The run is parked, as with <see cref="SleepAsync"/>.</summary>
    /// <typeparam name="T">The data: JSON, or <see cref="byte"/>s or a <see cref="System.IO.Stream"/> of any content.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="eventType">The event's <c>type</c>.</param>
    /// <param name="key">The event's <c>subject</c>; <see langword="null"/> for any subject.</param>
    /// <param name="timeout">The timeout from the first start of the step. Zero or more; <see langword="null"/> for
    /// the timeout of the run.</param>
    /// <param name="lookback">
    /// The maximum age of an event that arrived before the step started. Zero or more; <see langword="null"/> for the age of the run, so
    /// that an event cannot arrive too early.
    /// </param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>
    /// The event's data, or the default of <typeparamref name="T"/> if it has none. After the timeout, also in replays,
    /// <see langword="null"/>. Use a nullable value type (<c>int?</c>) to distinguish the timeout from a value.
    /// </returns>
    /// <exception cref="ArgumentException">The type or the key is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A time span is negative.</exception>
    /// <exception cref="StepUsageException">There is no gateway.</exception>
    Task<T?> WaitForEventAsync<T>(
        string name, string eventType, string? key = null, TimeSpan? timeout = null, TimeSpan? lookback = null,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Waits until a third party calls a URL that the gateway creates. The run is parked, as with <see cref="SleepAsync"/>.
    /// </summary>
    /// <typeparam name="T">The type of the sent data: JSON, or <see cref="byte"/>s or a <see cref="System.IO.Stream"/> of any
    /// content.</typeparam>
    /// <param name="name">The step's name: 1 to 245 bytes of UTF-8.</param>
    /// <param name="handOut">
    /// Sends the URL to the third party, which can <c>POST</c> to it once. This is executed once as a separate step, whose name is the name
    /// of this step and <c> handed out</c>, and is retried if it fails. If it fails finally, the exception has that step's id.
    /// The URL is a secret: anyone who has it can complete the step.
    /// It is relative if the gateway does not know its public address.
    /// </param>
    /// <param name="timeout">The timeout from the first start of the step. Zero or more; <see langword="null"/> for
    /// the timeout of the run.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>The sent data, or the default of <typeparamref name="T"/> if there is none.</returns>
    /// <exception cref="StepFailedException">The URL was not called in time (problem <c>step-timeout</c>),
    /// or could not be handed out.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The timeout is negative.</exception>
    /// <exception cref="StepUsageException">There is no gateway.</exception>
    Task<T?> CallbackAsync<T>(
        string name, Func<Uri, CancellationToken, Task> handOut, TimeSpan? timeout = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Sends a request to a route of the gateway as a separate run, and waits for its result. This run is parked, as with
    /// <see cref="SleepAsync"/>. The other run continues even if this one ends.
    /// </summary>
    /// <typeparam name="T">The type of the response's body: JSON, or <see cref="byte"/>s or a
    /// <see cref="System.IO.Stream"/> of any content.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="path">
    /// The path of a durable route, optionally with a query. It starts with a slash. Percent-encoded characters stay as they are; blanks
    /// and non-ASCII characters are encoded.
    /// </param>
    /// <param name="body">The body of the request: JSON, or <see cref="byte"/>s unchanged; <see langword="null"/> for no body.</param>
    /// <param name="method">The method; <see langword="null"/> for <c>POST</c>.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>The body of the response, or the default of <typeparamref name="T"/> if it has none.</returns>
    /// <exception cref="StepFailedException">The status of the response is 400 or higher. The exception has the problem details of the
    /// response, if any.</exception>
    /// <exception cref="ArgumentException">The path is invalid.</exception>
    /// <exception cref="StepUsageException">There is no gateway.</exception>
    Task<T?> InvokeAsync<T>(
        string name, string path, object? body = null, HttpMethod? method = null, CancellationToken cancellationToken = default);

    /// <summary>Sends an event (a CloudEvent) to runs that wait for it now or later with <see cref="WaitForEventAsync"/>.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8. Run and name form the event's id, so the event counts once.</param>
    /// <param name="type">The event's <c>type</c>.</param>
    /// <param name="key">The event's <c>subject</c>; <see langword="null"/> for no subject.</param>
    /// <param name="data">The event's data: JSON, or <see cref="byte"/>s unchanged; <see langword="null"/> for no data.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>The number of runs that the event woke.</returns>
    /// <exception cref="ArgumentException">The type or the key is empty.</exception>
    /// <exception cref="StepUsageException">There is no gateway, or the data cannot be serialized.</exception>
    Task<int> SendEventAsync(string name, string type, string? key, object? data, CancellationToken cancellationToken = default);

    /// <summary>Sends an HTTP request once, and stores the response.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="send">
    /// Sends the request. A response with the status 408, 429, 500, 502, 503 or 504 is a failed try of the step, and its
    /// <c>Retry-After</c> is respected. Any other response is the result.
    /// </param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>A new response with the status, headers and body of the received response,
    /// from this or an earlier attempt.</returns>
    Task<HttpResponseMessage> FetchAsync(
        string name, Func<CancellationToken, Task<HttpResponseMessage>> send, CancellationToken cancellationToken = default);

    /// <summary>Sends an HTTP request once, with options for its tries, and stores the response.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="send">Sends the request. Failed tries are the same as without options.</param>
    /// <param name="options">The options for the tries; <see langword="null"/> for those of the route's policy.</param>
    /// <param name="cancellationToken">Stops waiting for the step.</param>
    /// <returns>A new response with the status, headers and body of the received response,
    /// from this or an earlier attempt.</returns>
    Task<HttpResponseMessage> FetchAsync(
        string name, Func<CancellationToken, Task<HttpResponseMessage>> send, StepOptions? options,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Registers a compensation that undoes completed steps. If the handler fails finally, the registered compensations are executed in
    /// reverse order, each as a separate step.
    /// </summary>
    /// <param name="name">The name of the compensation's step: 1 to 256 bytes of UTF-8.</param>
    /// <param name="compensation">The compensation. Its token is cancelled when the attempt ends. It cannot start steps.</param>
    /// <param name="options">The options for the tries; <see langword="null"/> for those of the route's policy.</param>
    /// <remarks>
    /// <para>The handler fails finally if it throws a <see cref="StepFailedException"/>, a <see cref="NonRetryableException"/> or a
    /// <see cref="StepUsageException"/>, or any exception in the last attempt that the policy allows. A
    /// <see cref="StepFailedException"/> that it catches is not a failure. Without a gateway, any exception is a final failure.</para>
    /// <para>Register the compensation right after the step that it undoes, in the handler and not in a step. Await nothing in between. If
    /// the handler fails while another branch executes a step, the branch still gets the outcome and registers the compensation, but starts
    /// no further step. Other awaits may take <see cref="DurableStepsOptions.SuspendAfter"/>, and five seconds at most.</para>
    /// <para>Register it before the step if a failed try may have an effect, and before <see cref="InvokeAsync"/>. Such a compensation
    /// must determine what to undo.</para>
    /// <para>After the request was cancelled, only these exceptions of the handler are failures: <see cref="StepFailedException"/>,
    /// <see cref="StepUsageException"/>, and <see cref="NonRetryableException"/> without an inner exception.</para>
    /// <para>A compensation that fails finally does not stop the others. The member <c>compensationFailures</c> of the client's problem
    /// reports it.</para>
    /// </remarks>
    /// <exception cref="StepUsageException">The name is invalid, or the compensation is registered inside a step
    /// or after the handler has ended.</exception>
    void OnRollback(string name, Func<CancellationToken, Task> compensation, StepOptions? options = null);
}
