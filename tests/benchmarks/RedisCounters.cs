using System.Globalization;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Benchmarks;

/// <summary>What a Redis says of its own work.</summary>
internal sealed class RedisCounters : IAsyncDisposable
{
    /// <summary>Connections and this class call these; a run does not.</summary>
    private static readonly HashSet<string> NotOfRuns =
    [
        "info", "ping", "client", "config", "hello", "scan", "memory", "select", "echo", "auth", "cluster", "command", "time", "script",
        "subscribe", "unsubscribe", "ssubscribe", "psubscribe", "sentinel", "role", "readonly", "object", "latency", "dbsize",
    ];

    private readonly ConnectionMultiplexer _connection;

    /// <summary>This server. A connection to one server of a cluster knows all of them.</summary>
    private readonly IServer _server;

    private RedisCounters(ConnectionMultiplexer connection, string address) =>
        (_connection, _server) = (connection, connection.GetServer(address));

    public static async Task<RedisCounters> ConnectAsync(RedisServer server) =>
        new(await ConnectionMultiplexer.ConnectAsync($"{server.ConnectionString},allowAdmin=true"), server.ConnectionString);

    public async Task<RedisSnapshot> ReadAsync()
    {
        var (commands, scripts) = (0L, 0L);
        foreach (var (key, value) in await SectionAsync("commandstats"))
        {
            // cmdstat_evalsha:calls=12,usec=…; commands with subcommands are cmdstat_config|get.
            var name = key["cmdstat_".Length..].Split('|')[0];
            if (NotOfRuns.Contains(name)) continue;
            var calls = long.Parse(value["calls=".Length..value.IndexOf(',', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
            commands += calls;
            if (name is "eval" or "evalsha" or "eval_ro" or "evalsha_ro" or "fcall" or "fcall_ro") scripts += calls;
        }

        // In seconds, with six digits behind the point.
        var cpu = (await SectionAsync("cpu")).Where(line => line.Key is "used_cpu_user" or "used_cpu_sys")
            .Sum(line => double.Parse(line.Value, CultureInfo.InvariantCulture));
        return new RedisSnapshot(commands, scripts, cpu * 1e6);
    }

    public async Task<long> UsedMemoryAsync() =>
        long.Parse((await SectionAsync("memory")).Single(line => line.Key == "used_memory").Value, CultureInfo.InvariantCulture);

    /// <summary>What <c>MEMORY USAGE</c> says of all keys: it does not depend on the size of the hash table, nor on buffers.</summary>
    public async Task<long> KeysMemoryAsync()
    {
        var database = _connection.GetDatabase();
        var usages = new List<Task<RedisResult>>();
        await foreach (var key in _server.KeysAsync(pageSize: 1000))
            usages.Add(database.ExecuteAsync("MEMORY", "USAGE", key, "SAMPLES", "0"));
        return (await Task.WhenAll(usages)).Sum(usage => usage.IsNull ? 0 : (long)usage);
    }

    /// <summary>A smallest call: what a round trip takes at least.</summary>
    public Task CallAsync() => _connection.GetDatabase().StringSetAsync("benchmarks:call", "1");

    public async ValueTask DisposeAsync() => await _connection.DisposeAsync();

    private async Task<IEnumerable<KeyValuePair<string, string>>> SectionAsync(string name) =>
        (await _server.InfoAsync(name)).SelectMany(section => section);
}
