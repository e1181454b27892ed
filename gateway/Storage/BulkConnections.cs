using System.Collections.Concurrent;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Connections for calls that carry much. On an ordinary connection every small call would wait behind their bytes, and would time out
/// on a slow link. A lane carries one call at a time, so large calls wait for each other and for nobody else, and the bytes that are
/// under way to the store at a time are few. The time of a call depends on its size, and begins when it has its lane.
/// </summary>
/// <param name="connect">Opens a connection for a lane. Its own time-out must be longer than any call may take.</param>
/// <param name="patience">How long a call may take that carries nothing.</param>
/// <param name="time">The clock.</param>
internal sealed class BulkConnections(Func<Task<ConnectionMultiplexer>> connect, TimeSpan patience, TimeProvider time) : IAsyncDisposable
{
    /// <summary>A call with this many bytes is large. A link of 20 MiB/s carries them in 12 ms.</summary>
    public const int Threshold = 256 * 1024;

    /// <summary>Two, so that one slow server of a cluster does not stop the large calls to the others.</summary>
    private const int Lanes = 2;

    /// <summary>The slowest link that large calls succeed on, in bytes per second. The lanes share it.</summary>
    private const int SlowestLink = 1024 * 1024;

    /// <summary>Each call that waits holds what it carries in memory.</summary>
    private const int MaxWaiting = 1024;

    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _turns = new(Lanes);
    private readonly ConcurrentStack<ConnectionMultiplexer> _idle = new();
    private int _waiting;
    private volatile bool _isDisposed;

    /// <summary>The connections that no call uses at this moment.</summary>
    public IEnumerable<ConnectionMultiplexer> Idle => _idle;

    /// <summary>How much longer than a small call one may take that carries so many bytes.</summary>
    public static TimeSpan TimeFor(long bytes) => TimeSpan.FromSeconds((double)bytes * Lanes / SlowestLink);

    /// <summary>Waits for a lane, and makes the call on it.</summary>
    /// <param name="bytes">How much it carries.</param>
    /// <param name="call">The call.</param>
    /// <exception cref="StoreUnavailableException">No lane was free in time, or the call was not answered in time.</exception>
    public async Task<T> ExecuteAsync<T>(long bytes, Func<ConnectionMultiplexer, Task<T>> call)
    {
        await TakeTurnAsync();
        ConnectionMultiplexer? connection = null;
        var isUsable = false;
        try
        {
            connection = _idle.TryPop(out var idle) ? idle : await connect();
            var answer = await InTimeAsync(call(connection), bytes);
            isUsable = true;
            return answer;
        }
        catch (Exception e) when (e is RedisServerException or StoreUnavailableException { CarriesMuch: false })
        {
            // The server has answered: what is wrong is not the connection.
            isUsable = true;
            throw;
        }
        finally
        {
            if (isUsable && connection is not null) _idle.Push(connection);
            else if (connection is not null) _ = CloseAsync(connection);
            if (_isDisposed) await DisposeAsync();
            _turns.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        while (_idle.TryPop(out var connection)) await connection.DisposeAsync();
    }

    private async Task TakeTurnAsync()
    {
        if (Interlocked.Increment(ref _waiting) > MaxWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            throw new StoreUnavailableException($"The store is too slow: {MaxWaiting} large calls wait for their turn.")
            {
                CarriesMuch = true,
            };
        }

        try
        {
            if (!await _turns.WaitAsync(MaxWait))
            {
                throw new StoreUnavailableException($"The store is too slow: a large call has waited {MaxWait:c} for its turn.")
                {
                    CarriesMuch = true,
                };
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private async Task<T> InTimeAsync<T>(Task<T> call, long bytes)
    {
        var limit = patience + TimeFor(bytes);
        using var late = new CancellationTokenSource();
        if (await Task.WhenAny(call, Task.Delay(limit, time, late.Token)) == call)
        {
            await late.CancelAsync();
            return await call;
        }

        // It ends with its connection, and nobody waits for it.
        _ = ((Task)call).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw new StoreUnavailableException($"The store did not answer a call of {bytes} bytes within {limit:c}.")
        {
            MayHaveHappened = true,
            CarriesMuch = true,
        };
    }

    /// <summary>
    /// What is left of a call that was given up must not delay the next one. Nobody waits for a connection that does not answer.
    /// </summary>
    private static async Task CloseAsync(ConnectionMultiplexer connection)
    {
        await connection.CloseAsync(allowCommandsToComplete: false).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await connection.DisposeAsync();
    }
}
