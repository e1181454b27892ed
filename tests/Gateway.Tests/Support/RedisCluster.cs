using System.Diagnostics;

namespace DurableGateway.Tests.Support;

/// <summary>A Redis Cluster of three primaries on loopback, each with a given number of replicas.</summary>
internal sealed class RedisCluster : IAsyncDisposable
{
    private const int Primaries = 3;

    private readonly RedisServer[] _servers;

    private RedisCluster(RedisServer[] servers) => _servers = servers;

    public IReadOnlyList<RedisServer> Servers => _servers;

    public string ConnectionString => string.Join(',', _servers.Select(server => server.ConnectionString));

    /// <param name="replicas">The number of replicas of each primary.</param>
    /// <param name="configuration">Further options of each server, separated by spaces.</param>
    public static async Task<RedisCluster> StartAsync(int replicas = 0, string configuration = "")
    {
        var more = configuration.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var servers = await Task.WhenAll(Enumerable.Range(0, Primaries * (replicas + 1)).Select(_ => RedisServer.StartAsync([
            "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0",
            "--repl-diskless-sync-delay", "0",
            "--repl-ping-replica-period", "1", "--cluster-require-full-coverage", "no", .. more])));
        var cluster = new RedisCluster(servers);
        await ManageAsync(["create", .. servers.Select(server => server.ConnectionString), "--cluster-replicas",
            $"{replicas}", "--cluster-yes"]);
        await Eventually.TrueAsync(() => cluster.IsHealthyAsync(replicas), "the cluster is healthy");
        return cluster;
    }

    /// <summary><c>redis-cli --cluster …</c></summary>
    public static async Task<string> ManageAsync(params string[] command)
    {
        using var cli = Process.Start(new ProcessStartInfo("redis-cli", ["--cluster", .. command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        })!;
        var output = await cli.StandardOutput.ReadToEndAsync();
        await cli.WaitForExitAsync();
        return cli.ExitCode == 0 ? output : throw new InvalidOperationException($"redis-cli --cluster {command[0]}: {output}");
    }

    public static async Task<string> AskAsync(RedisServer server, params string[] command)
    {
        using var cli = Process.Start(new ProcessStartInfo("redis-cli",
            ["-p", $"{server.Port}", .. command])
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = await cli.StandardOutput.ReadToEndAsync();
        await cli.WaitForExitAsync();
        return output;
    }

    /// <summary>The current primary of a key's slot, if there is one.</summary>
    public async Task<RedisServer?> PrimaryOfAsync(string key)
    {
        var slot = int.Parse(await AskAsync(_servers.First(server => !server.HasExited), "cluster", "keyslot", key),
            System.Globalization.CultureInfo.InvariantCulture);
        var nodes = await AskAsync(_servers.First(server => !server.HasExited), "cluster", "nodes");
        foreach (var line in nodes.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(' ');
            if (!fields[2].Contains("master", StringComparison.Ordinal) || fields[2].Contains("fail", StringComparison.Ordinal)) continue;
            foreach (var range in fields.Skip(8).Where(field => !field.StartsWith('[')))
            {
                var ends = range.Split('-').Select(end => int.Parse(end, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
                if (slot < ends[0] || slot > ends[^1]) continue;
                var port = fields[1].Split('@')[0].Split(':')[^1];
                return _servers.Single(server => $"{server.Port}" == port);
            }
        }

        return null;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers) await server.DisposeAsync();
    }

    private async Task<bool> IsHealthyAsync(int replicas)
    {
        foreach (var server in _servers)
        {
            if (!(await AskAsync(server, "cluster", "info")).Contains("cluster_state:ok", StringComparison.Ordinal)) return false;
            var replication = await AskAsync(server, "info", "replication");
            var isReplica = replication.Contains("role:slave", StringComparison.Ordinal);
            if (isReplica && !replication.Contains("master_link_status:up", StringComparison.Ordinal)) return false;
            if (!isReplica && replicas > 0 && !replication.Contains($"connected_slaves:{replicas}", StringComparison.Ordinal)) return false;
        }

        return true;
    }
}
