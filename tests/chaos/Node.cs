using System.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Chaos;

/// <summary>A process that is killed, stopped and started again.</summary>
internal sealed class Node(string name, string assembly, string[] args, Uri health, string? logs = null) : IAsyncDisposable
{
    private Process? _process;

    public string Name { get; } = name;

    /// <summary>Whether the process runs, or is about to answer again.</summary>
    public bool IsUp { get; private set; }

    public void Start()
    {
        _process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, assembly), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        _process.OutputDataReceived += (_, line) => Log(line.Data);
        _process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is { Length: > 0 } text) Console.Error.WriteLine($"{Name}: {text}");
        };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        IsUp = true;
    }

    public async Task AwaitHealthAsync(HttpClient http)
    {
        for (var tries = 0; tries < 600; tries++)
        {
            try
            {
                using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
                using var answer = await http.GetAsync(health, patience.Token);
                if (answer.IsSuccessStatusCode) return;
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                // The process does not answer yet.
            }

            if (_process!.HasExited) throw new InvalidOperationException($"{Name} has exited with {_process.ExitCode}.");
            await Task.Delay(50);
        }

        throw new TimeoutException($"{Name} is not healthy at {health}.");
    }

    public async Task KillAsync()
    {
        IsUp = false;
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    /// <summary>Sends SIGTERM, so that the node drains. A node that does not exit is killed, and the output says so.</summary>
    public async Task TerminateAsync()
    {
        IsUp = false;
        Signals.Terminate(_process!.Id);
        try
        {
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException)
        {
            Console.WriteLine($"{Name} has not exited within a minute of SIGTERM, and is killed.");
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    public void Stop() => Signals.Stop(_process!.Id);

    public void Continue() => Signals.Continue(_process!.Id);

    public async ValueTask DisposeAsync()
    {
        if (IsUp) await KillAsync();
    }

    private void Log(string? line)
    {
        if (logs is null || line is null) return;
        lock (Name) File.AppendAllText(Path.Combine(logs, $"{Name}.log"), line + "\n");
    }
}
