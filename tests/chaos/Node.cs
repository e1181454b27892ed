using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DurableGateway.Chaos;

/// <summary>A process that is killed, stopped and started again.</summary>
internal sealed partial class Node(string name, string assembly, string[] args, Uri health, string? logs = null) : IAsyncDisposable
{
    private Process? _process;

    public string Name { get; } = name;

    /// <summary>Started, or about to answer again.</summary>
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
                // Not yet.
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

    /// <summary>SIGTERM: it drains.</summary>
    public async Task TerminateAsync()
    {
        IsUp = false;
        _ = Kill(_process!.Id, 15);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    public void Stop() => Signal(_process!.Id, stop: true);

    public void Continue() => Signal(_process!.Id, stop: false);

    /// <summary>SIGSTOP or SIGCONT.</summary>
    public static void Signal(int process, bool stop) => _ = Kill(process, stop ? 19 : 18);

    public async ValueTask DisposeAsync()
    {
        if (IsUp) await KillAsync();
    }

    private void Log(string? line)
    {
        if (logs is null || line is null) return;
        lock (Name) File.AppendAllText(Path.Combine(logs, $"{Name}.log"), line + "\n");
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
