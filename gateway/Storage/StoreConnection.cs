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
/// The connection to the store, which may come late and go away: the gateway is up without it, and not ready.
/// </summary>
internal sealed class StoreConnection(
    GatewaySettings settings, KeyRing keys, StoreClock clock, ILoggerFactory loggers) : IStoreReadiness, IHostedService, IAsyncDisposable
{
    /// <summary>
    /// Each call that waits holds what it wants to write: a store that is too slow must not take the gateway down with it.
    /// </summary>
    private const int MaxPending = 4096;

    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookAroundEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The embedded server works through the commands of a connection one after the other, and through several connections at once.
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
    /// What is read of a string before its length is known. Most results are smaller; of the others this much is read twice.
    /// </summary>
    private const int FirstRead = 64 * 1024;

    private uint _turn;
    private int _pending;

    /// <summary>Calls that were given up, and how many of them the server is known to have worked through.</summary>
    private int _abandoned;
    private int _settled;
    private CallThrottle? _lock;
    private Task _compacting = Task.CompletedTask;
    private long _lookedAround;
    private readonly OutageLog _outage = StoreOutage(settings, clock, loggers.CreateLogger<StoreConnection>());
    private readonly OutageLog _large = LargeCallOutage(clock, loggers.CreateLogger<StoreConnection>());
    private readonly OutageLog _room = FullStore(clock, loggers.CreateLogger<StoreConnection>());
    private readonly OutageLog _replicas = ReplicaOutage(clock, loggers.CreateLogger<StoreConnection>());
    private Task _opening = Task.CompletedTask;

    public int Shards => settings.Shards;

    /// <summary>Completes when the store has been reached for the first time and fits this gateway.</summary>
    public Task Opened => _opened.Task;

    /// <summary>Whether the store has been opened and is connected at this moment.</summary>
    public bool IsReady => _opened.Task.IsCompletedSuccessfully && _connections[0].IsConnected && _embedded?.Server.IsBroken is not true;

    /// <summary>How full the store is; <see langword="null"/> where it is another server's.</summary>
    public StoreCapacity? Capacity { get; private set; }

    /// <summary>The capacity of the embedded store, once it is open.</summary>
    public EmbeddedCompaction? Compaction { get; private set; }

    /// <summary>Before anything is written that needs room.</summary>
    /// <exception cref="StoreUnavailableException">The embedded store is full.</exception>
    public void Admit(StoreWriteKind demand) => Capacity?.Admit(demand);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // A script that cannot be made is an error of the start, not of the first run that needs it.
        RuntimeHelpers.RunClassConstructor(typeof(Scripts).TypeHandle);
        if (!settings.Keys.IsEmpty) keys.Load(settings.Keys);
        if (settings.IsEmbedded)
        {
            _embedded = EmbeddedServer.Start(settings.DataDirectory, loggers);
            Capacity = new StoreCapacity(settings.MaxStoreBytes, () => _embedded.Server.UsedBytes, _room.Failed, _room.Succeeded);
        }

        _opening = OpenAsync(_embedded?.ConnectionString ?? settings.StoreConnectionString!);

        // A server of our own is there at once. Another one may take a while, and plain routes do not wait for it;
        // but if it is there, and does not fit, that is said before anything is served.
        var patience = settings.IsEmbedded ? TimeSpan.FromSeconds(30) : TimeSpan.FromMilliseconds(500);
        await Task.WhenAny(_opening, Task.Delay(patience, clock, cancellationToken));
        if (_opening.IsFaulted) await _opening;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <param name="command">What is asked.</param>
    /// <param name="caller">What it is called in traces.</param>
    /// <exception cref="StoreUnavailableException">The store does not answer. What was asked may have happened all the same.</exception>
    public Task<T> ExecuteAsync<T>(Func<IDatabase, Task<T>> command, [CallerMemberName] string caller = "") =>
        GuardAsync(() => command(Next().GetDatabase()), caller);

    /// <summary>Executes what must not be lost once it is answered: it is on <c>MinReplicas</c> replicas by then.</summary>
    /// <param name="key">The key that is written, or another one of its slot.</param>
    /// <param name="command">The write, which can be repeated.</param>
    /// <param name="caller">What it is called in traces.</param>
    /// <exception cref="StoreUnavailableException">As above, or too few replicas have it.</exception>
    public Task<T> ExecuteSafelyAsync<T>(RedisKey key, Func<IDatabase, Task<T>> command, [CallerMemberName] string caller = "") =>
        GuardAsync(() => SafelyAsync(Next(), key, command), caller);

    /// <summary>
    /// Whether a call of so many bytes has a connection of its own. With the embedded store none has: no link to it could be slow.
    /// </summary>
    public bool IsLarge(long bytes) => _writes is not null && bytes >= BulkConnections.Threshold;

    /// <summary>The most bytes that a call on an ordinary connection should bring.</summary>
    public long MaxOrdinaryBytes => _reads is null ? int.MaxValue : BulkConnections.Threshold;

    /// <summary>Executes safely, as above, a write of any size: it does not delay others, and has time by its size.</summary>
    /// <param name="key">The key that is written, or another one of its slot.</param>
    /// <param name="bytes">How much the write carries.</param>
    /// <param name="command">The write, which can be repeated. Called when its turn has come.</param>
    /// <param name="caller">What it is called in traces.</param>
    /// <exception cref="StoreUnavailableException">As above, or large writes wait too long for their turn.</exception>
    public Task<T> WriteLargeAsync<T>(RedisKey key, long bytes, Func<IDatabase, Task<T>> command, [CallerMemberName] string caller = "") =>
        IsLarge(bytes) ? GuardAsync(() => LargeAsync(_writes!, key, bytes, command), caller) : ExecuteSafelyAsync(key, command, caller);

    /// <summary>Reads what may be large. It does not delay others, and has time by its size.</summary>
    /// <param name="length">Asks how many bytes there are.</param>
    /// <param name="command">Reads them.</param>
    /// <param name="confirmed">A key of the slot, where what is read must be on <c>MinReplicas</c> replicas.</param>
    /// <param name="caller">What it is called in traces.</param>
    /// <exception cref="StoreUnavailableException">As above.</exception>
    public async Task<T> ReadLargeAsync<T>(
        Func<IDatabase, Task<long>> length, Func<IDatabase, Task<T>> command, RedisKey? confirmed = null,
        [CallerMemberName] string caller = "")
    {
        var bytes = _reads is null ? 0 : await ExecuteAsync(length, caller);
        return await GuardAsync(
            () => IsLarge(bytes) ? LargeAsync(_reads!, confirmed, bytes, command) : SafelyAsync(Next(), confirmed, command), caller);
    }

    /// <summary>Reads a string that is small as a rule, in one call, and a large one as <see cref="ReadLargeAsync"/> does.</summary>
    /// <returns>The string, which <c>MinReplicas</c> replicas have; null where there is none.</returns>
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

        // Had the primary been replaced between the write and the barrier, the barrier would speak of another server's writes.
        var before = Primary(connection, key, isWritten: false);
        var answer = await command(connection.GetDatabase());
        await _barrier.PassAsync(key);
        _replicas.Succeeded();
        return Primary(connection, key, isWritten: true) == before
            ? answer
            : throw new StoreUnavailableException("The primary was replaced while it was written to.") { MayHaveHappened = true };
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
            // What the client library throws where no server of the key is connected, or the connection is closed.
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
                ? "The embedded store could not write its file; restart the gateway when the disk has room."
                : "The store is not connected.");
        if (Interlocked.Increment(ref _pending) > MaxPending)
        {
            Interlocked.Decrement(ref _pending);
            throw new StoreUnavailableException($"The store is too slow: {MaxPending} calls wait for it.");
        }

        if (_lock is not null) await _lock.EnterAsync();
        try
        {
            var answer = await command();
            if (_embedded is not null) await _embedded.Server.CommitAsync();
            return answer;
        }
        catch (RedisServerException e) when (e.Message.Contains("WRONGTYPE", StringComparison.Ordinal))
        {
            throw new UnreadableRecordException($"The store refuses to work on a key that is not what it should be: {e.Message}", e);
        }
        catch (StoreUnavailableException)
        {
            // The barrier's, or that of a primary which was replaced.
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
            _lock?.Leave();
            Interlocked.Decrement(ref _pending);
        }
    }

    /// <summary>
    /// Completes when the embedded server has worked through all that it was sent, also where nobody waits for the answer any more: a
    /// script that has timed out may still be executed. The server works through the calls of a connection in their order. Called while no
    /// call is under way.
    /// </summary>
    private async Task SettleAsync()
    {
        var abandoned = Volatile.Read(ref _abandoned);
        if (abandoned == _settled) return;
        await Task.WhenAll(_connections.Select(connection => connection.GetDatabase().PingAsync()));
        _settled = abandoned;
    }

    /// <summary>
    /// Asks the servers who is who: when the primary of a cluster has died, nobody else tells that another has taken its place.
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

    /// <summary>Sets this node's idea of the time by the store's.</summary>
    public async Task SetClockAsync()
    {
        var asked = clock.GetTimestamp();
        var answer = (RedisValue[])(await ExecuteAsync(db => ServerTime().EvaluateAsync(db)))!;
        SetClock(answer, asked);
    }

    private static ScriptCall ServerTime() => new(Scripts.ServerTime) { [ScriptKey.Meta] = StoreKeys.Meta };

    /// <summary>Hears what is told from now on.</summary>
    /// <exception cref="StoreUnavailableException">The store does not answer, or does not allow it.</exception>
    public async Task SubscribeAsync(string channel, Action<string> received)
    {
        try
        {
            var subscriber = _connections[0].GetSubscriber();
            await subscriber.SubscribeAsync(RedisChannel.Literal(channel), (_, message) => received(message.ToString()));
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new StoreUnavailableException($"The store does not take subscriptions: {e.Message}", e);
        }
    }

    /// <summary>Tells every node, this one included, that something happened. Best effort: nobody may rely on it alone.</summary>
    public void Publish(string channel, string message) =>
        _connections[0].GetSubscriber().Publish(RedisChannel.Literal(channel), message, CommandFlags.FireAndForget);

    public async ValueTask DisposeAsync()
    {
        // The container holds this twice, as itself and as a hosted service, and disposes it twice.
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

        // What the client library asks for beyond what is needed here, and an operator would have to allow: a key and a channel of its
        // own, and the settings of the server. Without a channel it would connect for subscriptions only when one is asked for, too late.
        options.TieBreaker = "";
        options.ConfigurationChannel = StoreKeys.ClientChannel;
        if (ReferenceEquals(options.CommandMap, CommandMap.Default)) options.CommandMap = CommandMap.Create(["CONFIG"], available: false);

        // A checkpoint that waits in a queue while the store is away helps nobody: its caller has to be told.
        options.BacklogPolicy = BacklogPolicy.FailFast;

        // One lost answer must not cost a lease. Our own server loses none, and has nobody to hand a lease to.
        var patience = settings.IsEmbedded
            ? options.AsyncTimeout
            : (int)Math.Clamp(settings.Lease.TotalMilliseconds / 4, 50, options.AsyncTimeout);
        options.AsyncTimeout = patience;

        // Time-outs are noticed at the heartbeat only.
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

            // Twice: the replicas' confirmation is part of the call.
            BulkConnections NewLanes() => new(ConnectAsync, TimeSpan.FromMilliseconds(2 * patience), clock);
            (_writes, _reads) = (NewLanes(), NewLanes());
        }

        if (_embedded is { } embedded)
        {
            var own = _maintenance = await ConnectionMultiplexer.ConnectAsync(options);
            _lock = new CallThrottle();
            Compaction = new EmbeddedCompaction(embedded.Server, own, _lock, SettleAsync, Capacity!, clock, _log);
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
                    // The first call takes its time.
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

        // How long a call may take depends on its size: the lanes see to that.
        options.AsyncTimeout = options.SyncTimeout = (int)TimeSpan.FromHours(1).TotalMilliseconds;

        // What the system has not sent yet of a call that was given up is not sent after the connection is closed.
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

    /// <summary>Puts this gateway's mark on a new store; checks that of an old one; takes or makes the keys.</summary>
    private async Task CheckAsync(IDatabase db)
    {
        await db.HashSetAsync(StoreKeys.Meta, "format", StoreKeys.Format, When.NotExists);
        await db.HashSetAsync(StoreKeys.Meta, "shards", settings.Shards, When.NotExists);
        var format = (int)await db.HashGetAsync(StoreKeys.Meta, "format");
        if (format != StoreKeys.Format)
            throw new IncompatibleStoreException(
                $"cannot be checked: the store has format {format}, and this gateway reads format {StoreKeys.Format}");
        var shards = (int)await db.HashGetAsync(StoreKeys.Meta, "shards");
        if (shards != settings.Shards)
            throw new IncompatibleStoreException($"is not what this store was made with; it has {shards}, which cannot change");
        if (keys.IsReady) return;

        // A log whose beginning was damaged may have lost it.
        var kept = settings.IsEmbedded ? StoreMarker.KeyOf(settings.DataDirectory) : null;
        await db.HashSetAsync(StoreKeys.Meta, "key", kept ?? RandomNumberGenerator.GetBytes(KeyRing.KeyBytes), When.NotExists);
        _generatedKey = (byte[])(await db.HashGetAsync(StoreKeys.Meta, "key"))!;
        keys.Load([_generatedKey]);
    }
}
