using System.Collections.Immutable;
using DurableGateway.Configuration;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace DurableGateway.Tests.Storage;

/// <summary>One server for all tests of a class, with as many connections of gateways as the tests need.</summary>
public abstract class StoreFixture : IAsyncLifetime
{
    internal const int Shards = 64;

    private readonly List<StoreNode> _nodes = [];

    internal StoreNode Node => _nodes[0];
    internal IRunStore Store => Node.Store;

    public async ValueTask InitializeAsync()
    {
        if (await StartAsync()) _nodes.Add(await StoreNode.OpenAsync(Settings(ConnectionString)));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes) await node.DisposeAsync();
        await StopAsync();
        GC.SuppressFinalize(this);
    }

    internal abstract string ConnectionString { get; }

    /// <summary>Separate connections, as other nodes have.</summary>
    internal async Task<IReadOnlyList<StoreNode>> NodesAsync(int count)
    {
        while (_nodes.Count < count) _nodes.Add(await StoreNode.OpenAsync(Settings(ConnectionString)));
        return _nodes[..count];
    }

    internal static GatewaySettings Settings(string? connectionString, string? directory = null, int shards = Shards, int minReplicas = 0,
        long maxStoreBytes = 1L << 30) => new()
        {
            Public = BindingAddress.Parse("http://127.0.0.1:0"),
            Control = BindingAddress.Parse("http://127.0.0.1:0"),
            AdvertisedAddress = null,
            SharedAddress = null,
            StoreConnectionString = connectionString,
            DataDirectory = directory ?? "",
            Shards = shards,
            MinReplicas = minReplicas,
            MaxStoreBytes = maxStoreBytes,
            Lease = TimeSpan.FromSeconds(20),
            ShutdownTimeout = TimeSpan.Zero,
            Keys = [],
            Policies = ImmutableDictionary<string, RunPolicy>.Empty,
        };

    private protected abstract Task<bool> StartAsync();

    private protected abstract ValueTask StopAsync();
}

/// <summary>The embedded server. Several connections use it like any other server.</summary>
public sealed class EmbeddedStoreFixture : StoreFixture
{
    private readonly string _directory = Directory.CreateTempSubdirectory("durable-store-").FullName;
    private EmbeddedServer? _server;

    internal override string ConnectionString => _server!.ConnectionString;

    private protected override Task<bool> StartAsync()
    {
        _server = EmbeddedServer.Start(_directory, NullLoggerFactory.Instance);
        return Task.FromResult(true);
    }

    private protected override ValueTask StopAsync()
    {
        _server?.Dispose();
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }
}

/// <summary>A real Redis, if one is installed.</summary>
public sealed class RedisStoreFixture : StoreFixture
{
    private RedisServer? _server;

    internal override string ConnectionString => _server!.ConnectionString;

    private protected override async Task<bool> StartAsync()
    {
        if (RedisServer.Missing is not null) return false;
        _server = await RedisServer.StartAsync();
        return true;
    }

    private protected override ValueTask StopAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>A Redis Cluster, if Redis is installed.</summary>
public sealed class ClusterStoreFixture : StoreFixture
{
    private RedisCluster? _cluster;

    internal override string ConnectionString => _cluster!.ConnectionString;
    internal RedisCluster Cluster => _cluster!;

    private protected override async Task<bool> StartAsync()
    {
        if (RedisServer.Missing is not null) return false;
        _cluster = await RedisCluster.StartAsync();
        return true;
    }

    private protected override ValueTask StopAsync() => _cluster?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>The parts of the store that one gateway uses.</summary>
internal sealed class StoreNode : IAsyncDisposable
{
    private StoreNode(StoreConnection connection, KeyRing keys, GatewaySettings settings)
    {
        Connection = connection;
        var codec = new RecordCodec(keys);
        var unlisted = new UnlistedRuns(settings.Shards);
        Store = new RedisRunStore(connection, codec, new StepValueReader(codec),
            new RecordingOptions(settings.Notices?.Options ?? NoticeOptions.None, settings.SearchHeaders), unlisted, TimeProvider.System);
        Flow = new FlowStore(connection, new EngineSettings(settings.Lease), TimeProvider.System);
        Streams = new StreamStore(connection, codec);
        History = new RunHistory(connection, codec);
        Records = new RunRecordReader(connection, codec, new StepValueReader(codec));
        Operations = new OperatorCommandStore(connection, codec, unlisted, TimeProvider.System);
        WaitService = new RedisWaitStore(connection, codec, new StepValueReader(codec), unlisted, TimeProvider.System);
        Index = new RunIndexWriter(connection, unlisted, TimeProvider.System);
        Events = new RedisEventStore(connection, codec, settings, TimeProvider.System);
    }

    public StoreConnection Connection { get; }
    public IRunStore Store { get; }
    public FlowStore Flow { get; }
    public StreamStore Streams { get; }
    public RunHistory History { get; }
    public RunRecordReader Records { get; }
    public OperatorCommandStore Operations { get; }
    public IWaitStore WaitService { get; }
    public IEventStore Events { get; }
    public RunIndexWriter Index { get; }

    /// <exception cref="ConfigurationException">This gateway must not use the store.</exception>
    public static async Task<StoreNode> OpenAsync(GatewaySettings settings)
    {
        var keys = new KeyRing();
        var node = new StoreNode(new StoreConnection(settings, keys, new StoreClock(TimeProvider.System), NullLoggerFactory.Instance), keys,
            settings);
        try
        {
            await node.Connection.StartAsync(CancellationToken.None);
            await node.Connection.Opened.WaitAsync(TimeSpan.FromSeconds(60));
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync()
    {
        Index.Dispose();
        return Connection.DisposeAsync();
    }
}
