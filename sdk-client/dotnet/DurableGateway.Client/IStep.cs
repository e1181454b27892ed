using System;
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
/// <para>Called without a gateway in front, steps simply run.</para>
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
    Task<T> RunAsync<T>(string name, Func<CancellationToken, Task<T>> body, JsonTypeInfo<T> type, CancellationToken cancellationToken = default);

    /// <summary>Executes a piece of the handler that gives nothing, once.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="body">What to do. Its token is cancelled when this attempt is over.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    Task RunAsync(string name, Func<CancellationToken, Task> body, CancellationToken cancellationToken = default);

    /// <summary>Sleeps. Nothing is held meanwhile: the run is parked, and the handler executed again when the time has come.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="time">How long, from when the step is first begun; a replay does not begin it anew. Zero or more, at most ten years.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    Task SleepAsync(string name, TimeSpan time, CancellationToken cancellationToken = default);

    /// <summary>Sleeps until a time. Nothing is held meanwhile, as with <see cref="SleepAsync"/>.</summary>
    /// <param name="name">The step's name: 1 to 256 bytes of UTF-8.</param>
    /// <param name="time">Until when; one that has passed is no wait at all.</param>
    /// <param name="cancellationToken">Gives up waiting for the step.</param>
    Task SleepUntilAsync(string name, DateTimeOffset time, CancellationToken cancellationToken = default);
}
