using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using DurableGateway.Configuration;

namespace DurableGateway.Storage;

/// <summary>
/// A Garnet server in this process, on a loopback port of its own with a password of its own. Every write is in the
/// append-only file before it is answered, so that a killed process loses nothing it has acknowledged.
/// </summary>
internal sealed class EmbeddedServer : IDisposable
{
    private readonly CompactingServer _server;
    private readonly AofDigestWriter _digests;
    private readonly FileStream _lock;

    private EmbeddedServer(CompactingServer server, AofDigestWriter digests, FileStream exclusive, string connectionString)
    {
        _server = server;
        _digests = digests;
        _lock = exclusive;
        ConnectionString = connectionString;
    }

    public string ConnectionString { get; }

    /// <summary>For <see cref="EmbeddedCompaction"/>.</summary>
    public CompactingServer Server => _server;

    /// <exception cref="ConfigurationException">The directory cannot be written, or another gateway has it.</exception>
    /// <exception cref="DamagedStoreException">Its files are damaged or missing.</exception>
    public static EmbeddedServer Start(string directory, ILoggerFactory loggers)
    {
        var exclusive = Lock(directory);
        try
        {
            var log = loggers.CreateLogger<EmbeddedServer>();
            var digests = StoreIntegrity.Verify(directory, log);
            var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
            var port = FreePort();
            var server = new CompactingServer(
            [
                "--bind", "127.0.0.1", "--port", $"{port}", "--auth", "Password", "--password", password, "-q",
                "--lua", "--lua-transaction-mode",

                // Committed by who needs it: see CompactingServer.CommitAsync.
                "--aof", "--aof-commit-freq", "-1", "--recover", "--checkpointdir", directory,

                // Garnet's native device wants libaio, which few images have.
                "--device-type", "RandomAccess",
                // Nothing is ever moved from memory to disk, which this version does not survive: StoreCapacity refuses writes long
                // before. Not allocated beforehand, and independent of the limit: what is there is read, whatever the limit is now.
                "--memory", "256g", "--mutable-percent", "95", "--index", "16m",

                // What lies in the read-only part of the memory loses its expiry when it is written (measured in 2.2.8). That part is a
                // twentieth, rounded down to pages: with pages of this size, half of the file's, it is empty up to 320 MiB without large
                // values.
                "--page", "16m",

                // What is larger is memory of its own, which is free again as soon as it is deleted.
                "--max-inline-value-size", $"{CompactingServer.MaxInlineBytes}",

                // An append-only entry is as large as the largest record: a result of 16 MiB and its envelope. Segments are what is
                // deleted when the file is compacted.
                "--aof-page-size", $"{AofFiles.PageBytes >> 20}m", "--aof-memory", "64m",
                "--aof-segment-size", $"{AofFiles.SegmentBytes >> 20}m",
                "--pubsub-pagesize", "4k", "--logger-level", "Error",
            ], loggers);
            server.Start();
            var writer = new AofDigestWriter(server, AofFiles.Of(directory), digests, log);
            return new EmbeddedServer(server, writer, exclusive, $"127.0.0.1:{port},password={password}");
        }
        catch
        {
            exclusive.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _digests.Dispose();
        _server.Dispose();
        _lock.Dispose();
    }

    /// <summary>Two servers on one directory would destroy it, so the first one keeps a locked file there.</summary>
    public static FileStream Lock(string directory)
    {
        const string Key = "Durable:Store:DataDirectory";
        try
        {
            Directory.CreateDirectory(directory);
            return new FileStream(Path.Combine(directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException)
        {
            throw new ConfigurationException(Key, directory, "cannot be written; name a directory that this user may write to");
        }
        catch (IOException e)
        {
            throw new ConfigurationException(Key, directory,
                $"cannot be used ({e.Message}); is another gateway running on it? Each needs a directory of its own");
        }
    }

    /// <summary>Below the range from which systems take ports for outgoing connections, so that none of those takes it meanwhile.</summary>
    private static int FreePort()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, RandomNumberGenerator.GetInt32(10_000, 32_000));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }
    }
}
