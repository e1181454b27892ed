using System;
using System.Net.Http;
using System.Text.Json.Serialization.Metadata;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>
/// Durable steps of the request at hand. A step's outcome is stored by the gateway before the handler goes on; when the request
/// is replayed, the stored outcome is returned and the step's body is not executed again.
/// </summary>
/// <remarks>
/// <para>A step is known by its name. The second use of a name within an attempt is <c>name#2</c>, the third <c>name#3</c>, so a
/// loop may use one name. Steps of different names may run at the same time.</para>
/// <para>A result is kept as JSON; <see cref="byte"/> arrays and <see cref="System.IO.Stream"/>s are kept as they are.</para>
/// <para>Called without a gateway in front, steps simply run. What only a gateway can do (<see cref="WaitForEventAsync"/>,
/// <see cref="CallbackAsync"/>, <see cref="InvokeAsync"/>, <see cref="SendEventAsync"/>) says so by a
/// <see cref="StepUsageException"/>.</para>
/// <para>Every method throws <see cref="StepFailedException"/> where the step has failed for good (catch it to compensate), and
/// <see cref="StepUsageException"/> where it is used wrongly. Other exceptions that leave a method, all of them
/// <see cref="OperationCanceledException"/>s or <see cref="CheckpointException"/>s, end this attempt; let them pass.</para>
/// </remarks>
public interface IStep
{
    /// <summary>The run and the attempt that this request is.</summary>
    RunInfo Run { get; }

    /// <summary>Executes a piece of the handler, once.</summary>
    /// <typeparam name="T">What the step gives. Kept as JSON by the options the SDK was set up with.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">What to do. Its token is cancelled when this attempt is over.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>What the body gave, or what it gave in an earlier attempt.</returns>
    Task<T> RunAsync<T>(string name, Func<CancellationToken, Task<T>> body, CancellationToken cancellationToken = default);

    /// <summary>Executes a piece of the handler, once, and keeps its result by source-generated metadata.</summary>
    /// <typeparam name="T">What the step gives.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">What to do. Its token is cancelled when this attempt is over.</param>
    /// <param name="type">How to write and read <typeparamref name="T"/>.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>What the body gave, or what it gave in an earlier attempt.</returns>
    Task<T> RunAsync<T>(
        string name, Func<CancellationToken, Task<T>> body, JsonTypeInfo<T> type, CancellationToken cancellationToken = default);

    /// <summary>Executes a piece of the handler that gives nothing, once.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">What to do. Its token is cancelled when this attempt is over.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    Task RunAsync(string name, Func<CancellationToken, Task> body, CancellationToken cancellationToken = default);

    /// <summary>Executes a piece of the handler, once, tried as its options say.</summary>
    /// <typeparam name="T">What the step gives. Kept as JSON by the options the SDK was set up with.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">What to do. Its token is cancelled when this attempt is over, and when the time of the options is.</param>
    /// <param name="options">How this step is tried; <see langword="null"/>: as the route's policy says.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>What the body gave, or what it gave in an earlier attempt.</returns>
    Task<T> RunAsync<T>(
        string name, Func<CancellationToken, Task<T>> body, StepOptions? options, CancellationToken cancellationToken = default);

    /// <summary>
    /// Executes a piece of the handler, once, tried as its options say, and keeps its result by source-generated metadata.
    /// </summary>
    /// <typeparam name="T">What the step gives.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">What to do. Its token is cancelled when this attempt is over, and when the time of the options is.</param>
    /// <param name="type">How to write and read <typeparamref name="T"/>.</param>
    /// <param name="options">How this step is tried; <see langword="null"/>: as the route's policy says.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>What the body gave, or what it gave in an earlier attempt.</returns>
    Task<T> RunAsync<T>(
        string name, Func<CancellationToken, Task<T>> body, JsonTypeInfo<T> type, StepOptions? options,
        CancellationToken cancellationToken = default);

    /// <summary>Executes a piece of the handler that gives nothing, once, tried as its options say.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">What to do. Its token is cancelled when this attempt is over, and when the time of the options is.</param>
    /// <param name="options">How this step is tried; <see langword="null"/>: as the route's policy says.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    Task RunAsync(string name, Func<CancellationToken, Task> body, StepOptions? options, CancellationToken cancellationToken = default);

    /// <summary>Sleeps. Nothing is held meanwhile: the run is parked, and the handler executed again when the time has come.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="time">How long, from when the step is first begun; a replay does not begin it anew. Zero or more,
    /// at most ten years.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    Task SleepAsync(string name, TimeSpan time, CancellationToken cancellationToken = default);

    /// <summary>Sleeps until a time. Nothing is held meanwhile, as with <see cref="SleepAsync"/>.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="time">Until when; one that has passed is no wait at all.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    Task SleepUntilAsync(string name, DateTimeOffset time, CancellationToken cancellationToken = default);

    /// <summary>Waits for an event (a CloudEvent). Nothing is held meanwhile, as with <see cref="SleepAsync"/>.</summary>
    /// <typeparam name="T">The event's data: JSON, or <see cref="byte"/>s or a <see cref="System.IO.Stream"/> of any content.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="eventType">The event's <c>type</c>.</param>
    /// <param name="key">The event's <c>subject</c>; <see langword="null"/>: any.</param>
    /// <param name="timeout">How long to wait, from when the step is first begun. Zero or more; <see langword="null"/>:
    /// as long as the run may take.</param>
    /// <param name="lookback">
    /// How old an event may be that was there before the step began. Zero or more; <see langword="null"/>: as old as the run, so that
    /// an answer cannot come too early.
    /// </param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>
    /// The event's data, and the default of <typeparamref name="T"/> where it has none; after the time-out, now and in every replay,
    /// <see langword="null"/>. Name a value type as nullable (<c>int?</c>) to tell the time-out from a value.
    /// </returns>
    /// <exception cref="ArgumentException">The type or the key is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A span of time is negative.</exception>
    /// <exception cref="StepUsageException">There is no gateway: it cannot work without one.</exception>
    Task<T?> WaitForEventAsync<T>(
        string name, string eventType, string? key = null, TimeSpan? timeout = null, TimeSpan? lookback = null,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Waits for somebody to call a URL that the gateway makes for it. Nothing is held meanwhile, as with <see cref="SleepAsync"/>.
    /// </summary>
    /// <typeparam name="T">What they send: JSON, or <see cref="byte"/>s or a <see cref="System.IO.Stream"/> of any content.</typeparam>
    /// <param name="name">The step's name: 1 to 245 bytes of UTF-8.</param>
    /// <param name="handOut">
    /// Gives them the URL, which they may <c>POST</c> to once. It is executed as a step of its own, named as this one with
    /// <c> handed out</c> after it: once, and tried again where it fails. A final failure of it is thrown here, with that step's id.
    /// Who has the URL can complete the step: it is a secret of the two.
    /// It is as the gateway gave it: relative where the gateway does not know its public address.
    /// </param>
    /// <param name="timeout">How long to wait, from when the step is first begun. Zero or more; <see langword="null"/>:
    /// as long as the run may take.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>What was sent, and the default of <typeparamref name="T"/> where that was nothing.</returns>
    /// <exception cref="StepFailedException">Nobody has called in time (problem <c>step-timeout</c>),
    /// or the URL could not be handed out.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The time-out is negative.</exception>
    /// <exception cref="StepUsageException">There is no gateway: it cannot work without one.</exception>
    Task<T?> CallbackAsync<T>(
        string name, Func<Uri, CancellationToken, Task> handOut, TimeSpan? timeout = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Sends a request to a route of the gateway, as a run of its own, and waits for its result. Nothing is held meanwhile, as with
    /// <see cref="SleepAsync"/>. The other run goes on even if this one ends.
    /// </summary>
    /// <typeparam name="T">The response's body: JSON, or <see cref="byte"/>s or a
    /// <see cref="System.IO.Stream"/> of any content.</typeparam>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="path">
    /// The path of a durable route, with a query where it has one. It begins with a slash. What is percent-encoded in it stays so; what
    /// has to be and is not (blanks, anything beyond ASCII) is encoded.
    /// </param>
    /// <param name="body">The request's body: written as JSON, but <see cref="byte"/>s as they are; <see langword="null"/>: none.</param>
    /// <param name="method">The method; <see langword="null"/>: <c>POST</c>.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>The body of the response, and the default of <typeparamref name="T"/> where it has none.</returns>
    /// <exception cref="StepFailedException">The response has a status from 400 up; its problem details, if it has any,
    /// are those of the exception.</exception>
    /// <exception cref="ArgumentException">The path is none.</exception>
    /// <exception cref="StepUsageException">There is no gateway: it cannot work without one.</exception>
    Task<T?> InvokeAsync<T>(
        string name, string path, object? body = null, HttpMethod? method = null, CancellationToken cancellationToken = default);

    /// <summary>Sends an event (a CloudEvent) to whoever waits for it with <see cref="WaitForEventAsync"/>, or will.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8. With the run it makes the event's id, so it is taken once.</param>
    /// <param name="type">The event's <c>type</c>.</param>
    /// <param name="key">The event's <c>subject</c>; <see langword="null"/>: none.</param>
    /// <param name="data">The event's data: written as JSON, but <see cref="byte"/>s as they are; <see langword="null"/>: none.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>How many runs were woken by it.</returns>
    /// <exception cref="ArgumentException">The type or the key is empty.</exception>
    /// <exception cref="StepUsageException">There is no gateway: it cannot work without one. Or the data cannot be written.</exception>
    Task<int> SendEventAsync(string name, string type, string? key, object? data, CancellationToken cancellationToken = default);

    /// <summary>Sends an HTTP request, once, and keeps the response.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="send">
    /// Sends the request. A response of status 408, 429, 500, 502, 503 or 504 counts as a failed try of the step, and its
    /// <c>Retry-After</c> is kept to; any other is the result.
    /// </param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>A response of its own with the status, headers and body of the one that was received,
    /// in this attempt or an earlier one.</returns>
    Task<HttpResponseMessage> FetchAsync(
        string name, Func<CancellationToken, Task<HttpResponseMessage>> send, CancellationToken cancellationToken = default);

    /// <summary>Sends an HTTP request, once, tried as its options say, and keeps the response.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="send">Sends the request. What counts as a failed try is as without options.</param>
    /// <param name="options">How this step is tried; <see langword="null"/>: as the route's policy says.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    /// <returns>A response of its own with the status, headers and body of the one that was received,
    /// in this attempt or an earlier one.</returns>
    Task<HttpResponseMessage> FetchAsync(
        string name, Func<CancellationToken, Task<HttpResponseMessage>> send, StepOptions? options,
        CancellationToken cancellationToken = default);

    /// <summary>
    /// Registers what undoes the pieces that have finished so far. When the handler fails for good, all that was registered is
    /// executed, the last one first, each as a step of its own.
    /// </summary>
    /// <param name="name">The name of the step that the compensation is: 1 to 256 bytes of UTF-8.</param>
    /// <param name="compensation">What to do. Its token is cancelled when the attempt is over. Steps do not begin in it.</param>
    /// <param name="options">How the compensation is tried; <see langword="null"/>: as the route's policy says.</param>
    /// <remarks>
    /// <para>The handler fails for good by a <see cref="StepFailedException"/>, a <see cref="NonRetryableException"/> or a
    /// <see cref="StepUsageException"/> that leaves it, and by any exception in the last attempt that the policy allows. A
    /// <see cref="StepFailedException"/> that it catches is no failure of the handler. Without a gateway any exception is one.</para>
    /// <para>Register it right after the step that it undoes, in the handler and not in a step. Await nothing in between. If the handler
    /// fails while another branch is executing a step, the branch still gets the outcome and registers the compensation, but it begins
    /// no further step. What else it awaits may take <see cref="DurableStepsOptions.SuspendAfter"/>, and five seconds at most.</para>
    /// <para>Register it before the step if a failed try may have an effect, and before <see cref="InvokeAsync"/>. Such a compensation
    /// must find out what there is to undo.</para>
    /// <para>After the request was cancelled, only these exceptions of the handler are failures: <see cref="StepFailedException"/>,
    /// <see cref="StepUsageException"/>, and <see cref="NonRetryableException"/> without an inner exception.</para>
    /// <para>A compensation that fails for good does not stop the others. The client is told of it in the member
    /// <c>compensationFailures</c> of the problem.</para>
    /// </remarks>
    /// <exception cref="StepUsageException">It cannot have the name, or is registered inside a step,
    /// or after the handler has ended.</exception>
    void OnRollback(string name, Func<CancellationToken, Task> compensation, StepOptions? options = null);
}
