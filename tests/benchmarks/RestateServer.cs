using System.Diagnostics;
using System.Runtime.InteropServices;
using DurableGateway.Tests.Support;

namespace DurableGateway.Benchmarks;

/// <summary>A Restate server with a service on Node, both from npm.</summary>
internal sealed class RestateServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly string _directory = Directory.CreateTempSubdirectory("durable-bench-restate-").FullName;
    private readonly ServerProcess _service;
    private readonly int _ingress;

    private RestateServer(string packages, int port, int ingress, int admin, int node)
    {
        _ingress = ingress;
        _service = ServerProcess.Start("node", [Path.Combine(packages, "service.mjs"), $"{port}"]);
        Process = ServerProcess.Start(Path.Combine(packages, Binary), ["--no-logo"], _directory,
            ("RESTATE_BASE_DIR", _directory),
            ("RESTATE_NODE_NAME", "benchmarks"),
            ("RESTATE_LISTEN_MODE", "tcp"),
            ("RESTATE_BIND_ADDRESS", $"127.0.0.1:{node}"),
            ("RESTATE_INGRESS__BIND_ADDRESS", $"127.0.0.1:{ingress}"),
            ("RESTATE_ADMIN__BIND_ADDRESS", $"127.0.0.1:{admin}"),
            ("RESTATE_DISABLE_TELEMETRY", "true"),
            ("RESTATE_LOG_FILTER", "warn"),
            ("DO_NOT_TRACK", "1"));
    }

    public ServerProcess Process { get; }

    private static string Binary { get; } = "node_modules/@restatedev/restate-server-linux-"
        + (RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "x64") + "/bin/restate-server";

    /// <returns>The server, or why there is none.</returns>
    public static async Task<(RestateServer? Server, string? Reason)> StartAsync()
    {
        var packages = Path.Combine(AppContext.BaseDirectory, "restate");
        if (Machine.Find("node") is null || Machine.Find("npm") is null) return (null, "node or npm is not on the PATH.");
        if (await InstallAsync(packages) is { } reason) return (null, reason);
        var (port, admin) = (FreePort.Next(), FreePort.Next());
        var server = new RestateServer(packages, port, FreePort.Next(), admin, FreePort.Next());
        try
        {
            await Site.AwaitAsync(new Uri($"http://127.0.0.1:{admin}/health"), server.Process);
            using var client = new HttpClient();
            using var answer = await client.PostAsJsonAsync(
                $"http://127.0.0.1:{admin}/deployments", new { uri = $"http://127.0.0.1:{port}" });
            if (!answer.IsSuccessStatusCode) throw new InvalidOperationException(await answer.Content.ReadAsStringAsync());
            return (server, null);
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException or HttpRequestException)
        {
            await server.DisposeAsync();
            return (null, $"the server did not start: {e.Message}");
        }
    }

    public Call Steps(int count) =>
        new("POST", new Uri($"http://127.0.0.1:{_ingress}/bench/steps"), Headers: "Content-Type: application/json\r\n", Text: $"{count}");

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        await _service.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <returns>Why it failed.</returns>
    private static async Task<string?> InstallAsync(string packages)
    {
        if (File.Exists(Path.Combine(packages, Binary))) return null;
        using var npm = System.Diagnostics.Process.Start(new ProcessStartInfo("npm",
            ["install", "--prefix", packages, "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"])
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = Task.WhenAll(npm.StandardOutput.ReadToEndAsync(), npm.StandardError.ReadToEndAsync());
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            await npm.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            npm.Kill(entireProcessTree: true);
            return $"npm install did not end within {Patience.TotalMinutes} minutes.";
        }

        return npm.ExitCode == 0 && File.Exists(Path.Combine(packages, Binary)) ? null
            : $"npm install ended with {npm.ExitCode}: {string.Join(' ', (await said)[1].Split('\n').Take(2))}";
    }
}
