using System.Diagnostics;
using System.Net;
using System.Reflection;

namespace LegacyCheckout;

/// <summary>A program in a process of its own. It is killed at the end.</summary>
internal sealed class Child : IDisposable
{
    private readonly Process _process;
    private readonly Queue<string> _output = new();

    /// <param name="name">The name of the attribute of this assembly that says where the program is.</param>
    /// <param name="args">The arguments of the program.</param>
    public Child(string name, string[] args)
    {
        var assembly = typeof(Child).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == name).Value!;
        var host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        var start = new ProcessStartInfo(host, [assembly, .. args]) { RedirectStandardOutput = true, RedirectStandardError = true };

        // All calls stay on this machine, even if a proxy is set for others.
        start.Environment["NO_PROXY"] = start.Environment["no_proxy"] = "127.0.0.1";
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Waits until the program answers. A gateway that is not ready yet answers 503.</summary>
    /// <exception cref="InvalidOperationException">It has ended instead.</exception>
    public async Task WaitForAsync(string url, CancellationToken cancellation)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        while (true)
        {
            try
            {
                using var response = await http.GetAsync(new Uri(url), cancellation);
                if (response.StatusCode != HttpStatusCode.ServiceUnavailable) return;
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
                if (_process.HasExited) throw new InvalidOperationException($"A program ended at its start:\n{Output()}");
            }

            await Task.Delay(50, cancellation);
        }
    }

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private string Output()
    {
        lock (_output) return string.Join('\n', _output);
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (_output)
        {
            _output.Enqueue(line);
            if (_output.Count > 20) _output.Dequeue();
        }
    }
}
