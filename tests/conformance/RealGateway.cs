using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace DurableGateway.Conformance;

/// <summary>A gateway process with the embedded store, in front of a scenario service.</summary>
internal sealed class RealGateway : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(90);

    private readonly string _directory = Directory.CreateTempSubdirectory("conformance-").FullName;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly Process _process;

    private RealGateway(string dll, string upstream)
    {
        var (open, control) = ($"http://127.0.0.1:{Ports.Free()}", $"http://127.0.0.1:{Ports.Free()}");
        Public = new HttpClient { BaseAddress = new Uri(open), Timeout = Timeout.InfiniteTimeSpan };
        Control = new HttpClient { BaseAddress = new Uri(control) };
        _process = new Process
        {
            StartInfo = new ProcessStartInfo("dotnet",
            [
                dll,
                "--upstream", upstream,
                "--Durable:Listeners:Public=" + open,
                "--Durable:Listeners:Control=" + control,
                "--Durable:Store:DataDirectory=" + _directory,
                "--Durable:Policies:default:Retry:Delay=00:00:00.050",
                "--Durable:Policies:default:Retry:Jitter=false",
                "--Durable:Policies:default:Retry:MaxAttempts=4",
                "--Durable:Policies:default:MaxSteps=20000",
                "--Durable:Policies:default:MaxStepBytes=200000",
            ])
            { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
    }

    /// <summary>A client. It follows redirects.</summary>
    public HttpClient Public { get; }

    public HttpClient Control { get; }

    public string Output => string.Join(Environment.NewLine, _output);

    public static async Task<RealGateway> StartAsync(string dll, string upstream)
    {
        var gateway = new RealGateway(dll, upstream);
        try
        {
            gateway._process.Start();
            gateway._process.BeginOutputReadLine();
            gateway._process.BeginErrorReadLine();
            using var deadline = new CancellationTokenSource(StartTimeout);
            while (!await gateway.IsReadyAsync()) await Task.Delay(50, deadline.Token);
            return gateway;
        }
        catch (Exception e)
        {
            var output = gateway.Output;
            await gateway.DisposeAsync();
            throw new InvalidOperationException($"The gateway does not start: {e.Message}\n{output}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Public.Dispose();
        Control.Dispose();
        try
        {
            if (!_process.HasExited) _process.Kill();
            await _process.WaitForExitAsync();
        }
        catch (InvalidOperationException)
        {
            // The process did not start.
        }

        _process.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task<bool> IsReadyAsync()
    {
        if (_process.HasExited) throw new InvalidOperationException($"It has exited with status {_process.ExitCode}.");
        try
        {
            using var response = await Control.GetAsync("/readyz");
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        _output.Enqueue(line);
        while (_output.Count > 60) _output.TryDequeue(out _);
    }
}
