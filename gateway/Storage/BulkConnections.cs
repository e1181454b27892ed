using System.Collections.Concurrent;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// Connections ("lanes") for large calls. On an ordinary connection, every small call would wait behind the bytes of a large call and time
/// out on a slow link. A lane carries one call at a time, so large calls delay only each other, and few bytes are in transit at once. The
/// time-out of a call depends on its size, and starts when the call gets its lane.
/// </summary>
/// <param name="connect">Opens a connection for a lane. Its own time-out must be longer than that of any call.</param>
/// <param name="patience">The time-out of a call without content.</param>
/// <param name="time">The clock.</param>
internal sealed class BulkConnections(Func<Task<ConnectionMultiplexer>> connect, TimeSpan patience, TimeProvider time) : IAsyncDisposable
{
    /// <summary>The size (bytes) from which a call is large. A link of 20 MiB/s transfers this in 12 ms.</summary>
    public const int Threshold = 256 * 1024;

    /// <summary>There are two lanes, so that one slow server of a cluster does not block the large calls to the others.</summary>
    private const int Lanes = 2;

    /// <summary>The bandwidth of the slowest link on which large calls succeed, in bytes per second. The lanes share it.</summary>
    private const int SlowestLink = 1024 * 1024;

    /// <summary>The maximum number of waiting calls. Each of them holds its content in memory.</summary>
    private const int MaxWaiting = 1024;

    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _turns = new(Lanes);
    private readonly ConcurrentStack<ConnectionMultiplexer> _idle = new();
    private int _waiting;
    private volatile bool _isDisposed;

    /// <summary>The idle connections.</summary>
    public IEnumerable<ConnectionMultiplexer> Idle => _idle;

    /// <summary>The time-out that a call of this size gets in addition to that of a small call.</summary>
    public static TimeSpan TimeFor(long bytes) => TimeSpan.FromSeconds((double)bytes * Lanes / SlowestLink);

    /// <summary>Waits for a lane and makes the call on it.</summary>
    /// <param name="bytes">The size of the call.</param>
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
            // The server answered, so the connection is intact.
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

        // The call ends with its connection. Nothing awaits it.
        _ = ((Task)call).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw new StoreUnavailableException($"The store did not answer a call of {bytes} bytes within {limit:c}.")
        {
            MayHaveHappened = true,
            CarriesMuch = true,
        };
    }

    /// <summary>
    /// Closes the connection, so that the rest of an abandoned call does not delay the next one. Does not wait for the connection.
    /// </summary>
    private static async Task CloseAsync(ConnectionMultiplexer connection)
    {
        await connection.CloseAsync(allowCommandsToComplete: false).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await connection.DisposeAsync();
    }
}
