using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace DurableGateway.Tests.Support;

/// <summary>A <c>redis-server</c> of our own: a free loopback port, nothing on disk, gone with the test.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private const string Binary = "redis-server";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private Process _process;

    private RedisServer(Process process, int port)
    {
        _process = process;
        Port = port;
    }

    public int Port { get; }
    public string ConnectionString => $"127.0.0.1:{Port}";

    /// <summary>Why there can be none here; <see langword="null"/> where there can.</summary>
    public static string? Missing { get; } =
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(directory => File.Exists(Path.Combine(directory, Binary)))
            ? null
            : $"{Binary} is not on the PATH of this machine.";

    /// <summary>Skips the test where there is no server, unless <c>DURABLE_TESTS_REQUIRE</c> says that there must be one.</summary>
    public static void SkipIfMissing()
    {
        if (Missing is null) return;
        var required = Environment.GetEnvironmentVariable("DURABLE_TESTS_REQUIRE") ?? "";
        Assert.False(required.Contains("redis", StringComparison.OrdinalIgnoreCase), $"DURABLE_TESTS_REQUIRE names redis, but {Missing}");
        Assert.Skip(Missing);
    }

    public static async Task<RedisServer> StartAsync()
    {
        var port = FreePort();
        return new RedisServer(await LaunchAsync(port), port);
    }

    /// <summary>As a crash would: at once, with connections open.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>On the same port, and empty.</summary>
    public async Task StartAgainAsync()
    {
        _process.Dispose();
        _process = await LaunchAsync(Port);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private static async Task<Process> LaunchAsync(int port)
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var said = new List<string>();
        var process = new Process
        {
            StartInfo = new ProcessStartInfo(Binary,
                ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", Path.GetTempPath()])
            {
                RedirectStandardOutput = true,
            },
            EnableRaisingEvents = true,
        };
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null) return;
            lock (said) said.Add(line.Data);
            if (line.Data.Contains("Ready to accept connections", StringComparison.OrdinalIgnoreCase)) ready.TrySetResult();
        };
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException($"{Binary} ended: {string.Join(Environment.NewLine, said)}"));
        process.Start();
        process.BeginOutputReadLine();
        await ready.Task.WaitAsync(Patience);
        return process;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
