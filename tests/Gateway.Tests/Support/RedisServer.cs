using System.Diagnostics;

namespace DurableGateway.Tests.Support;

/// <summary>A <c>redis-server</c> for one test, with its own loopback port and directory.</summary>
internal sealed partial class RedisServer : IAsyncDisposable
{
    /// <summary>
    /// The binary. <c>DURABLE_TESTS_REDIS_SERVER</c> sets another server with the same options, or a script that translates them.
    /// </summary>
    private static readonly string Binary = Environment.GetEnvironmentVariable("DURABLE_TESTS_REDIS_SERVER") is { Length: > 0 } other
        ? other
        : "redis-server";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _directory = Directory.CreateTempSubdirectory("durable-redis-").FullName;
    private readonly string[] _options;
    private Process _process = null!;

    private RedisServer(string[] options)
    {
        Port = FreePort.Next();
        _options = options;
    }

    public int Port { get; }
    public string ConnectionString => $"127.0.0.1:{Port}";

    /// <summary>Why no server can start on this machine; <see langword="null"/> if one can.</summary>
    public static string? Missing { get; } =
        File.Exists(Binary) || (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(directory =>
            File.Exists(Path.Combine(directory, Binary)))
            ? null
            : $"{Binary} is not on the PATH of this machine.";

    /// <param name="options">Options in addition to the port. By default, nothing is kept on disk.</param>
    public static async Task<RedisServer> StartAsync(params string[] options)
    {
        var server = new RedisServer(options);
        server._process = await server.LaunchAsync();
        return server;
    }

    public int ProcessId => _process.Id;
    public bool HasExited => _process.HasExited;

    /// <summary>Kills the server like a crash, with open connections.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Starts the server again on the same port and directory.</summary>
    public async Task StartAgainAsync()
    {
        _process.Dispose();
        _process = await LaunchAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task<Process> LaunchAsync()
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var said = new List<string>();
        var process = new Process
        {
            StartInfo = new ProcessStartInfo(Binary,
                ["--port", $"{Port}", "--bind", "127.0.0.1", "--dir", _directory, "--save", "", "--appendonly", "no", .. _options])
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
        process.Exited += (_, _) =>
            ready.TrySetException(new InvalidOperationException($"{Binary} ended: {string.Join(Environment.NewLine, said)}"));
        process.Start();
        process.BeginOutputReadLine();
        await ready.Task.WaitAsync(Patience);
        return process;
    }
}
