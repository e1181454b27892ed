using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using DurableGateway.Configuration;
using Garnet.common;

namespace DurableGateway.Storage;

/// <summary>
/// A Garnet server in this process, on its own loopback port and with its own password. Every write is in the append-only file before it is
/// answered, so a killed process loses no acknowledged write.
/// </summary>
internal sealed class EmbeddedServer : IDisposable
{
    private const int MaxPorts = 10;

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

    /// <summary>The server, for <see cref="EmbeddedCompaction"/>.</summary>
    public CompactingServer Server => _server;

    /// <exception cref="ConfigurationException">The directory is not writable, or another gateway uses it.</exception>
    /// <exception cref="DamagedStoreException">Its files are damaged or missing.</exception>
    public static EmbeddedServer Start(string directory, ILoggerFactory loggers) => Start(directory, loggers, FreePort);

    /// <param name="directory">The directory of the store.</param>
    /// <param name="loggers">The loggers of the server.</param>
    /// <param name="choosePort">Chooses a port, and another one if a process takes the port before the server does.</param>
    internal static EmbeddedServer Start(string directory, ILoggerFactory loggers, Func<int> choosePort)
    {
        var exclusive = Lock(directory);
        try
        {
            var log = loggers.CreateLogger<EmbeddedServer>();
            var digests = StoreIntegrity.Verify(directory, log);
            var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
            var (server, port) = StartServer(choosePort, port =>
            [
                "--bind", "127.0.0.1", "--port", $"{port}", "--auth", "Password", "--password", password, "-q",
                "--lua", "--lua-transaction-mode",

                // The callers commit: see CompactingServer.CommitAsync.
                "--aof", "--aof-commit-freq", "-1", "--recover", "--checkpointdir", directory,

                // Garnet's native device needs libaio, which few images have.
                "--device-type", "RandomAccess",
                // The server must never move data from memory to disk, because this version then fails. StoreCapacity refuses writes long
                // before. The memory is not allocated in advance. It does not depend on the limit: all stored data is read at startup.
                "--memory", "256g", "--mutable-percent", "95", "--index", "16m",

                // A key in the read-only part of the memory loses its expiry when it is written (measured in 2.2.8). That part is 5 %,
                // rounded down to pages. With this page size, half of that of the file, it is empty up to 320 MiB without large values.
                "--page", "16m",

                // A larger value has its own memory, which is freed when the value is deleted.
                "--max-inline-value-size", $"{CompactingServer.MaxInlineBytes}",

                // A page must hold the largest record: a result of 16 MiB and its envelope. A compaction deletes whole segments.
                "--aof-page-size", $"{AofFiles.PageBytes >> 20}m", "--aof-memory", "64m",
                "--aof-segment-size", $"{AofFiles.SegmentBytes >> 20}m",
                "--pubsub-pagesize", "4k", "--logger-level", "Error",
            ], loggers);
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

    /// <summary>Locks a file in the directory, because two servers would destroy the store.</summary>
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

    private static (CompactingServer Server, int Port) StartServer(
        Func<int> choosePort, Func<int, string[]> argumentsFor, ILoggerFactory loggers)
    {
        for (var tries = 1; ; tries++)
        {
            var port = choosePort();
            var server = new CompactingServer(argumentsFor(port), loggers);
            try
            {
                server.Start();
                return (server, port);
            }
            catch (GarnetException e) when (tries < MaxPorts && e.InnerException is SocketException
            {
                SocketErrorCode: SocketError.AddressAlreadyInUse
            })
            {
                server.Dispose();
            }
            catch
            {
                server.Dispose();
                throw;
            }
        }
    }

    /// <summary>Chooses a port below the range of outgoing connections, so that none of them takes it before the server starts.</summary>
    private static int FreePort()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, RandomNumberGenerator.GetInt32(26_000, 32_000));
            try
            {
                listener.Start();
                return ((IPEndPoint)listener.LocalEndpoint).Port;
            }
            catch (SocketException)
            {
                // The port is in use.
            }
        }
    }
}
