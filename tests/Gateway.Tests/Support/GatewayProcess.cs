using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace DurableGateway.Tests.Support;

/// <summary>A gateway in a separate process, which can be killed and restarted on the same ports and the same store.</summary>
internal sealed class GatewayProcess : IAsyncDisposable
{
    private readonly string[] _args;
    private readonly string _directory = Directory.CreateTempSubdirectory("durable-gateway-").FullName;
    private readonly List<string> _output = [];
    private Process? _process;

    private GatewayProcess(string upstream, string[] settings)
    {
        Public = new Uri($"http://127.0.0.1:{FreePort.Next()}");
        Control = new Uri($"http://127.0.0.1:{FreePort.Next()}");
        _args =
        [
            Path.Combine(AppContext.BaseDirectory, "gateway.dll"),
            "--upstream", upstream,
            $"--Durable:Listeners:Public={Public.AbsoluteUri.TrimEnd('/')}",
            $"--Durable:Listeners:Control={Control.AbsoluteUri.TrimEnd('/')}",
            $"--Durable:Store:DataDirectory={_directory}",
            "--Durable:Lease=00:00:01",
            "--Durable:Policies:default:Retry:Delay=00:00:00.050",
            .. settings.Select(setting => "--" + setting),
        ];
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.Zero })
        {
            BaseAddress = Public
        };
        Follower = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero }) { BaseAddress = Public };
    }

    public Uri Public { get; }
    public Uri Control { get; }
    public HttpClient Client { get; }
    public HttpClient Follower { get; }

    /// <summary>The peak memory of the process in MiB.</summary>
    public int PeakMemory =>
        int.Parse(File.ReadLines($"/proc/{_process!.Id}/status").Single(line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
            .Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;

    /// <summary>The output of the process so far.</summary>
    public string Output
    {
        get
        {
            lock (_output) return string.Join(Environment.NewLine, _output);
        }
    }

    public static async Task<GatewayProcess> StartAsync(string upstream, params string[] settings)
    {
        var gateway = new GatewayProcess(upstream, settings);
        try
        {
            await gateway.StartAgainAsync();
            return gateway;
        }
        catch
        {
            // Kill the process, which would outlive the tests.
            await gateway.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a gateway that exits on its own, for example because of an invalid configuration.</summary>
    /// <returns>The exit status and the output.</returns>
    public static async Task<(int Status, string Said)> RunAsync(params string[] args)
    {
        // The default data directory is in the working directory, and must not be one that another gateway has used.
        var directory = Directory.CreateTempSubdirectory("durable-gateway-").FullName;
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "gateway.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException)
        {
            process.Kill();
            throw;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        return (process.ExitCode, await output + await error);
    }

    /// <summary>
    /// Starts the process and waits until it is ready. Linux refuses the port of a killed process for a moment now and then, although no
    /// other server has it; then the start is repeated.
    /// </summary>
    public async Task StartAgainAsync()
    {
        const int MaxTries = 5;
        for (var tries = 1; ; tries++)
        {
            var said = Output.Length;
            _process?.Dispose();
            var start = new ProcessStartInfo("dotnet", _args) { RedirectStandardOutput = true, RedirectStandardError = true };
            _process = Process.Start(start)!;
            _process.OutputDataReceived += (_, line) => Keep(line.Data);
            _process.ErrorDataReceived += (_, line) => Keep(line.Data);
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
            using var control = new HttpClient { BaseAddress = Control };
            await Eventually.TrueAsync(async () =>
            {
                if (_process.HasExited) return true;
                try
                {
                    return (await control.GetAsync("/readyz")).StatusCode == HttpStatusCode.OK;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            }, "the gateway is ready", seconds: 90);
            if (!_process.HasExited) return;

            // Completes when the whole output has been read.
            await _process.WaitForExitAsync();
            Assert.True(tries < MaxTries && Output[said..].Contains("address already in use", StringComparison.Ordinal),
                $"The gateway has exited: {Output}");
        }
    }

    /// <summary>Sends SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    public void Stop() => Signals.Stop(_process!.Id);

    public void Continue() => Signals.Continue(_process!.Id);

    /// <summary>Sends SIGTERM and returns the exit status.</summary>
    public async Task<int> TerminateAsync()
    {
        Signals.Terminate(_process!.Id);
        await _process!.WaitForExitAsync();
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Follower.Dispose();
        if (_process is { HasExited: false }) await KillAsync();
        _process?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (_output) _output.Add(line);
    }
}
