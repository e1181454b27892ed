using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using StackExchange.Redis;

namespace DurableGateway.Storage;

/// <summary>
/// The connection to the store. If the store is unavailable, the gateway runs but is not ready.
/// </summary>
internal sealed class StoreConnection(
    GatewaySettings settings, KeyRing keys, StoreClock clock, ILoggerFactory loggers) : IStoreReadiness, IHostedService, IAsyncDisposable
{
    /// <summary>
    /// The maximum number of waiting calls. Each holds its content in memory, so a slow store could otherwise exhaust the gateway's memory.
    /// </summary>
    private const int MaxPending = 4096;

    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookAroundEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The embedded server executes the commands of one connection in sequence, and those of several connections in parallel.
    /// </summary>
    private const int EmbeddedConnections = 4;

    private const int ClockQuestions = 5;

    private readonly ILogger _log = loggers.CreateLogger<StoreConnection>();
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EmbeddedServer? _embedded;
    private byte[]? _generatedKey;
    private ConnectionMultiplexer[] _connections = [];
    private ConnectionMultiplexer? _barriers;
    private ConnectionMultiplexer? _maintenance;
    private ReplicaBarrier? _barrier;
    private BulkConnections? _writes;
    private BulkConnections? _reads;
    /// <summary>
    /// The number of bytes to read of a string before its length is known. Most results are smaller. Larger results read this part twice.
    /// </summary>
    private const int FirstRead = 64 * 1024;

    private uint _turn;
    private int _pending;

    /// <summary>The number of abandoned calls, and how many of them the server has certainly completed.</summary>
    private int _abandoned;
    private int _settled;
    private CallThrottle? _throttle;
    private Task _compacting = Task.CompletedTask;
    private long _lookedAround;
    private readonly OutageLog _outage = StoreOutage(settings, clock, loggers.CreateLogger<StoreConnection>());
    private readonly OutageLog _large = LargeCallOutage(clock, loggers.CreateLogger<StoreConnection>());
    private readonly OutageLog _room = FullStore(clock, loggers.CreateLogger<StoreConnection>());
    private readonly OutageLog _replicas = ReplicaOutage(clock, loggers.CreateLogger<StoreConnection>());
    private Task _opening = Task.CompletedTask;

    public int Shards => settings.Shards;

    /// <summary>Completes when the gateway has connected for the first time and the store is compatible.</summary>
    public Task Opened => _opened.Task;

    /// <summary>Whether the store is open and connected.</summary>
    public bool IsReady => _opened.Task.IsCompletedSuccessfully && _connections[0].IsConnected && _embedded?.Server.IsBroken is not true;

    /// <summary>The capacity of the embedded store; <see langword="null"/> for Redis.</summary>
    public StoreCapacity? Capacity { get; private set; }

    /// <summary>The capacity of the embedded store after it is open.</summary>
    public EmbeddedCompaction? Compaction { get; private set; }

    /// <summary>Checks that the store accepts a write. Call it before each write that needs space.</summary>
    /// <exception cref="StoreUnavailableException">The embedded store is full.</exception>
    public void Admit(StoreWriteKind demand) => Capacity?.Admit(demand);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Load all scripts now, so that an invalid script fails the startup and not a run.
        RuntimeHelpers.RunClassConstructor(typeof(Scripts).TypeHandle);
        if (!settings.Keys.IsEmpty) keys.Load(settings.Keys);
        if (settings.IsEmbedded)
        {
            _embedded = EmbeddedServer.Start(settings.DataDirectory, loggers);
            Capacity = new StoreCapacity(settings.MaxStoreBytes, () => _embedded.Server.UsedBytes, _room.Failed, _room.Succeeded);
        }

        _opening = OpenAsync(_embedded?.ConnectionString ?? settings.StoreConnectionString!);

        // The embedded server is available immediately. Redis may take longer, and routes that are not durable do not wait for it. But if
        // it is available and incompatible, the startup fails before the gateway serves requests.
        var patience = settings.IsEmbedded ? TimeSpan.FromSeconds(30) : TimeSpan.FromMilliseconds(500);
        await Task.WhenAny(_opening, Task.Delay(patience, clock, cancellationToken));
        if (_opening.IsFaulted) await _opening;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <param name="command">The command.</param>
    /// <param name="caller">The name of the operation in traces.</param>
    /// <exception cref="StoreUnavailableException">The store does not answer. It may have executed the command.</exception>
    public Task<T> ExecuteAsync<T>(Func<IDatabase, Task<T>> command, [CallerMemberName] string caller = "") =>
        GuardAsync(() => command(Next().GetDatabase()), caller);

    /// <summary>Executes a write that must survive a failover. It completes when <c>MinReplicas</c> replicas have the write.</summary>
    /// <param name="key">The key that is written, or another one of its slot.</param>
    /// <param name="command">The write, which can be repeated.</param>
    /// <param name="caller">The name of the operation in traces.</param>
    /// <exception cref="StoreUnavailableException">As above, or too few replicas have it.</exception>
    public Task<T> ExecuteSafelyAsync<T>(RedisKey key, Func<IDatabase, Task<T>> command, [CallerMemberName] string caller = "") =>
        GuardAsync(() => SafelyAsync(Next(), key, command), caller);

    /// <summary>
    /// Whether a call of this size uses a connection for large calls. The embedded store has none, because it has no slow link.
    /// </summary>
    public bool IsLarge(long bytes) => _writes is not null && bytes >= BulkConnections.Threshold;

    /// <summary>The maximum number of bytes that a call on an ordinary connection should return.</summary>
    public long MaxOrdinaryBytes => _reads is null ? int.MaxValue : BulkConnections.Threshold;

    /// <summary>As above, for a write of any size. A large one does not delay other calls, and its time-out depends on its size.</summary>
    /// <param name="key">The key that is written, or another one of its slot.</param>
    /// <param name="bytes">The size of the write.</param>
    /// <param name="command">The write, which can be repeated. Called when its turn has come.</param>
    /// <param name="caller">The name of the operation in traces.</param>
    /// <exception cref="StoreUnavailableException">As above, or large writes wait too long for their turn.</exception>
    public Task<T> WriteLargeAsync<T>(RedisKey key, long bytes, Func<IDatabase, Task<T>> command, [CallerMemberName] string caller = "") =>
        IsLarge(bytes) ? GuardAsync(() => LargeAsync(_writes!, key, bytes, command), caller) : ExecuteSafelyAsync(key, command, caller);

    /// <summary>Reads a value of any size. A large read does not delay other calls, and its time-out depends on its size.</summary>
    /// <param name="length">Reads the length in bytes.</param>
    /// <param name="command">Reads the value.</param>
    /// <param name="confirmed">A key of the slot, if <c>MinReplicas</c> replicas must have the value.</param>
    /// <param name="caller">The name of the operation in traces.</param>
    /// <exception cref="StoreUnavailableException">As above.</exception>
    public async Task<T> ReadLargeAsync<T>(
        Func<IDatabase, Task<long>> length, Func<IDatabase, Task<T>> command, RedisKey? confirmed = null,
        [CallerMemberName] string caller = "")
    {
        var bytes = _reads is null ? 0 : await ExecuteAsync(length, caller);
        return await GuardAsync(
            () => IsLarge(bytes) ? LargeAsync(_reads!, confirmed, bytes, command) : SafelyAsync(Next(), confirmed, command), caller);
    }

    /// <summary>Reads a usually small string in one call, and a large one as <see cref="ReadLargeAsync"/> does.</summary>
    /// <returns>The string, which <c>MinReplicas</c> replicas have; null if it does not exist.</returns>
    /// <exception cref="StoreUnavailableException">As above.</exception>
    public async Task<RedisValue> ReadStringAsync(RedisKey key, [CallerMemberName] string caller = "")
    {
        if (_reads is null) return await ExecuteSafelyAsync(key, db => db.StringGetAsync(key), caller);
        var start = await ExecuteSafelyAsync(key, db => db.StringGetRangeAsync(key, 0, FirstRead - 1), caller);
        if (start.Length() == FirstRead)
            return await ReadLargeAsync(db => db.StringLengthAsync(key), db => db.StringGetAsync(key), key, caller);
        return start.IsNullOrEmpty ? RedisValue.Null : start;
    }

    private async Task<T> LargeAsync<T>(BulkConnections lanes, RedisKey? key, long bytes, Func<IDatabase, Task<T>> command)
    {
        var answer = await lanes.ExecuteAsync(bytes, connection => SafelyAsync(connection, key, command));
        _large.Succeeded();
        return answer;
    }

    private async Task<T> SafelyAsync<T>(ConnectionMultiplexer connection, RedisKey? confirmed, Func<IDatabase, Task<T>> command)
    {
        if (_barrier is null || confirmed is not { } key) return await command(connection.GetDatabase());

        // If the primary is replaced between the write and the barrier, the barrier confirms the writes of another server.
        var before = Primary(connection, key, isWritten: false);
        var answer = await command(connection.GetDatabase());
        await _barrier.PassAsync(key);
        _replicas.Succeeded();
        return Primary(connection, key, isWritten: true) == before
            ? answer
            : throw new StoreUnavailableException("The primary was replaced during a write.") { MayHaveHappened = true };
    }

    private ConnectionMultiplexer Next() => _connections[Interlocked.Increment(ref _turn) % (uint)_connections.Length];

    private static (EndPoint, long) Primary(ConnectionMultiplexer connection, RedisKey key, bool isWritten)
    {
        try
        {
            var server = connection.GetServer(key);
            return (server.EndPoint, server.GetCounters().Interactive.SocketCount);
        }
        catch (InvalidOperationException e)
        {
            // The client library throws this if no server of the key is connected, or the connection is closed.
            throw new StoreUnavailableException("The store is not connected.", e) { MayHaveHappened = isWritten };
        }
    }

    private async Task<T> GuardAsync<T>(Func<Task<T>> command, string caller)
    {
        using var span = StoreTelemetry.StartCall(caller);
        try
        {
            var answer = await AskAsync(command);
            _outage.Succeeded();
            return answer;
        }
        catch (Exception e)
        {
            StoreTelemetry.Failed(span, e);
            if (e is StoreUnavailableException away && !_stopping.IsCancellationRequested)
                (away.ReplicasAreMissing ? _replicas : away.CarriesMuch ? _large : _outage).Failed(away);
            throw;
        }
    }

    private async Task<T> AskAsync<T>(Func<Task<T>> command)
    {
        if (!IsReady)
            throw new StoreUnavailableException(_embedded?.Server.IsBroken is true
                ? "The embedded store could not write its file. Restart the gateway when the disk has free space."
                : "The store is not connected.");
        if (Interlocked.Increment(ref _pending) > MaxPending)
        {
            Interlocked.Decrement(ref _pending);
            throw new StoreUnavailableException($"The store is too slow: {MaxPending} calls wait for it.");
        }

        if (_throttle is not null) await _throttle.EnterAsync();
        try
        {
            var answer = await command();
            if (_embedded is not null) await _embedded.Server.CommitAsync();
            return answer;
        }
        catch (RedisServerException e) when (e.Message.Contains("WRONGTYPE", StringComparison.Ordinal))
        {
            throw new UnreadableRecordException($"The store has a key of the wrong type: {e.Message}", e);
        }
        catch (StoreUnavailableException)
        {
            // Too few replicas confirmed, or the primary was replaced.
            LookAround();
            throw;
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            LookAround();
            Interlocked.Increment(ref _abandoned);
            var status = e switch
            {
                RedisTimeoutException timeout => timeout.Commandstatus,
                RedisConnectionException connection => connection.CommandStatus,
                _ => CommandStatus.WaitingToBeSent,
            };
            throw new StoreUnavailableException($"The store did not answer: {e.Message.Split(['\r', '\n', ';'], 2)[0]}", e)
            {
                MayHaveHappened = status is CommandStatus.Sent or CommandStatus.Unknown,
            };
        }
        finally
        {
            _throttle?.Leave();
            Interlocked.Decrement(ref _pending);
        }
    }

    /// <summary>
    /// Completes when the embedded server has executed all commands, also those whose callers no longer wait: a script that has timed out
    /// may still run. The server executes the commands of a connection in order, so a PING is enough. Called while no call is in flight.
    /// </summary>
    private async Task SettleAsync()
    {
        var abandoned = Volatile.Read(ref _abandoned);
        if (abandoned == _settled) return;
        await Task.WhenAll(_connections.Select(connection => connection.GetDatabase().PingAsync()));
        _settled = abandoned;
    }

    /// <summary>
    /// Reads the topology again. Otherwise the gateway would not notice that another server has replaced a primary of a cluster.
    /// </summary>
    private void LookAround()
    {
        var now = clock.GetTimestamp();
        var last = Volatile.Read(ref _lookedAround);
        if (last != 0 && clock.GetElapsedTime(last, now) < LookAroundEvery) return;
        if (Interlocked.CompareExchange(ref _lookedAround, now, last) != last) return;
        foreach (var connection in _connections) _ = LookAsync(connection);
        foreach (var connection in (_writes?.Idle ?? []).Concat(_reads?.Idle ?? [])) _ = LookAsync(connection);
        if (_barriers is not null) _ = LookAsync(_barriers);

        static async Task LookAsync(ConnectionMultiplexer connection) =>
            await ((Task)connection.ConfigureAsync()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Sets the clock to the store's time.</summary>
    public async Task SetClockAsync()
    {
        var asked = clock.GetTimestamp();
        var answer = (RedisValue[])(await ExecuteAsync(db => ServerTime().EvaluateAsync(db)))!;
        SetClock(answer, asked);
    }

    private static ScriptCall ServerTime() => new(Scripts.ServerTime) { [ScriptKey.Meta] = StoreKeys.Meta };

    /// <summary>Subscribes to a channel.</summary>
    /// <exception cref="StoreUnavailableException">The store does not answer, or denies the subscription.</exception>
    public async Task SubscribeAsync(string channel, Action<string> received)
    {
        try
        {
            var subscriber = _connections[0].GetSubscriber();
            await subscriber.SubscribeAsync(RedisChannel.Literal(channel), (_, message) => received(message.ToString()));
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new StoreUnavailableException($"The store does not accept subscriptions: {e.Message}", e);
        }
    }

    /// <summary>Sends a signal to every node, including this one. Delivery is best effort, so no caller may rely on it alone.</summary>
    public void Publish(string channel, string message) =>
        _connections[0].GetSubscriber().Publish(RedisChannel.Literal(channel), message, CommandFlags.FireAndForget);

    public async ValueTask DisposeAsync()
    {
        // The container has two registrations of this object, and disposes it twice.
        if (_stopping.IsCancellationRequested) return;
        await _stopping.CancelAsync();
        await _opening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var connection in _connections) await connection.DisposeAsync();
        if (_barriers is not null) await _barriers.DisposeAsync();
        if (_writes is not null) await _writes.DisposeAsync();
        if (_reads is not null) await _reads.DisposeAsync();
        await _compacting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Compaction?.Dispose();
        if (_maintenance is not null) await _maintenance.DisposeAsync();
        _embedded?.Dispose();
    }

    private async Task OpenAsync(string connectionString)
    {
        var options = ConfigurationOptions.Parse(connectionString);
        options.AbortOnConnectFail = false;
        options.ClientName ??= "durable-gateway";

        // Turn off what the client library uses in addition and operators would have to allow: its own key and the server's settings.
        // The channel stays: without one, it would connect for subscriptions only at the first subscription, which is too late.
        options.TieBreaker = "";
        options.ConfigurationChannel = StoreKeys.ClientChannel;
        if (ReferenceEquals(options.CommandMap, CommandMap.Default)) options.CommandMap = CommandMap.Create(["CONFIG"], available: false);

        // Calls must not queue while the store is unavailable: the caller has to get the error.
        options.BacklogPolicy = BacklogPolicy.FailFast;

        // One lost answer must not cost a lease. The embedded server loses no answers, and no other node can take a lease.
        var patience = settings.IsEmbedded
            ? options.AsyncTimeout
            : (int)Math.Clamp(settings.Lease.TotalMilliseconds / 4, 50, options.AsyncTimeout);
        options.AsyncTimeout = patience;

        // The client library checks time-outs only at the heartbeat.
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(Math.Clamp(patience / 2, 50, 1000));
        _connections = await Task.WhenAll(Enumerable.Range(0, settings.IsEmbedded ? EmbeddedConnections : 1)
            .Select(_ => ConnectionMultiplexer.ConnectAsync(options)));
        if (settings.MinReplicas > 0)
        {
            _barriers = await ConnectionMultiplexer.ConnectAsync(options);
            _barrier = new ReplicaBarrier(_barriers, settings.MinReplicas, TimeSpan.FromMilliseconds(patience / 2.0), clock, LookAround);
        }

        if (!settings.IsEmbedded)
        {
            var lane = LaneOptions(options);
            Task<ConnectionMultiplexer> ConnectAsync() =>
                IsReady ? ConnectionMultiplexer.ConnectAsync(lane) : throw new StoreUnavailableException("The store is not connected.");

            // Twice the time, because the confirmation of the replicas is part of the call.
            BulkConnections NewLanes() => new(ConnectAsync, TimeSpan.FromMilliseconds(2 * patience), clock);
            (_writes, _reads) = (NewLanes(), NewLanes());
        }

        if (_embedded is { } embedded)
        {
            var own = _maintenance = await ConnectionMultiplexer.ConnectAsync(options);
            _throttle = new CallThrottle();
            Compaction = new EmbeddedCompaction(embedded.Server, own, _throttle, SettleAsync, Capacity!, clock, _log);
            _compacting = Compaction.RunAsync(_stopping.Token);
        }

        while (true)
        {
            try
            {
                var db = _connections[0].GetDatabase();
                if (_embedded is null) await StoreRights.CheckAsync(_connections[0], settings.MinReplicas > 0);
                await CheckAsync(db);
                for (var i = 0; i < ClockQuestions; i++)
                {
                    // The first call is slow, so ask a second time for a more exact answer.
                    var asked = clock.GetTimestamp();
                    SetClock((RedisValue[])(await ServerTime().EvaluateAsync(db))!, asked);
                }

                if (clock.Ahead.Duration() > ClockTolerance) _log.ClockDiffers(clock.Ahead);
                if (_embedded is not null)
                {
                    await _embedded.Server.CommitAsync();
                    StoreMarker.Write(settings.DataDirectory, _generatedKey, clock.GetUtcNow());
                }

                _outage.Succeeded();
                _opened.TrySetResult();
                return;
            }
            catch (Exception e) when (e is RedisException or TimeoutException or StoreUnavailableException or IOException)
            {
                if (StoreRights.Explain(e) is { } refused) await RefuseAsync(refused);
                _outage.Failed(e);
                await Task.Delay(RetryEvery, clock, _stopping.Token);
            }
            catch (IncompatibleStoreException e)
            {
                await RefuseAsync(new ConfigurationException("Durable:Store:Shards", $"{settings.Shards}", e.Message));
            }
            catch (ConfigurationException e)
            {
                await RefuseAsync(e);
            }
        }
    }

    private static ConfigurationOptions LaneOptions(ConfigurationOptions ordinary)
    {
        var options = ordinary.Clone();
        options.ClientName += "-large";

        // The time-out of a call depends on its size. The lanes enforce it.
        options.AsyncTimeout = options.SyncTimeout = (int)TimeSpan.FromHours(1).TotalMilliseconds;

        // After the connection is closed, the system must not send the rest of an abandoned call.
        options.BeforeSocketConnect = (_, _, socket) => socket.LingerState = new LingerOption(enable: true, seconds: 0);
        return options;
    }

    private static OutageLog LargeCallOutage(TimeProvider clock, ILogger log) => new(clock,
        (time, calls, error) => log.LargeCallsFail(time, calls, error.Message),
        log.LargeCallsWork);

    private Task RefuseAsync(ConfigurationException error)
    {
        _opened.TrySetException(error);
        return _opened.Task;
    }

    private static OutageLog StoreOutage(GatewaySettings settings, TimeProvider clock, ILogger log)
    {
        var address = settings.IsEmbedded ? settings.DataDirectory : StoreAddress.Format(settings.StoreConnectionString!);
        return new OutageLog(clock,
            (time, calls, error) =>
            {
                if (calls == 1) log.StoreAway(address, error.Message);
                else log.StoreStillAway(address, time, calls, error.Message);
            },
            (time, calls) => log.StoreBack(address, time, calls));
    }

    private static OutageLog ReplicaOutage(TimeProvider clock, ILogger log) => new(clock,
        (time, calls, error) => log.ReplicasMissing(time, calls, error.Message),
        log.ReplicasBack);

    private static OutageLog FullStore(TimeProvider clock, ILogger log) => new(clock,
        (time, calls, error) => log.StoreFull(time, calls, error.Message),
        log.StoreHasRoom);

    private void SetClock(RedisValue[] answer, long asked) =>
        clock.Set(DateTimeOffset.FromUnixTimeSeconds((long)answer[0]).AddMicroseconds((long)answer[1]), asked);

    /// <summary>Refuses a store of an earlier format. Its keys have other names, so this gateway would not see its open runs.</summary>
    private async Task RefuseEarlierFormatAsync(IDatabase db)
    {
        if (await db.KeyExistsAsync(StoreKeys.Meta)) return;
        var format = StoreKeys.Format - 1;
        while (format > 0 && !await db.KeyExistsAsync(StoreKeys.MetaOf(format))) format--;
        if (format == 0) return;
        throw new ConfigurationException(
            settings.IsEmbedded ? "Durable:Store:DataDirectory" : "Durable:Store:ConnectionString", null,
            $"the store has format {format}, and this gateway reads format {StoreKeys.Format}; "
                + "let the earlier version end its runs there, and give this one an empty store");
    }

    /// <summary>Initializes a new store or checks that an existing one is compatible. Loads or generates the keys.</summary>
    private async Task CheckAsync(IDatabase db)
    {
        await RefuseEarlierFormatAsync(db);
        await db.HashSetAsync(StoreKeys.Meta, "format", StoreKeys.Format, When.NotExists);
        await db.HashSetAsync(StoreKeys.Meta, "shards", settings.Shards, When.NotExists);
        var format = (int)await db.HashGetAsync(StoreKeys.Meta, "format");
        if (format != StoreKeys.Format)
            throw new IncompatibleStoreException(
                $"cannot be checked: the store has format {format}, and this gateway reads format {StoreKeys.Format}");
        var shards = (int)await db.HashGetAsync(StoreKeys.Meta, "shards");
        if (shards != settings.Shards)
            throw new IncompatibleStoreException($"does not match the store, which was created with {shards} shards; this cannot change");
        if (keys.IsReady) return;

        // A log with a damaged beginning may have lost the key.
        var kept = settings.IsEmbedded ? StoreMarker.KeyOf(settings.DataDirectory) : null;
        await db.HashSetAsync(StoreKeys.Meta, "key", kept ?? RandomNumberGenerator.GetBytes(KeyRing.KeyBytes), When.NotExists);
        _generatedKey = (byte[])(await db.HashGetAsync(StoreKeys.Meta, "key"))!;
        keys.Load([_generatedKey]);
    }
}
