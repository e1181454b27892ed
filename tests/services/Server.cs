using System.Diagnostics;
using System.Net.Sockets;
using DurableGateway.Tests.Support;

namespace DurableGateway.Services;

/// <summary>A server in a separate process, on a free port of the loopback interface. It is stopped by its process id.</summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly Func<ProcessStartInfo> _start;
    private readonly Queue<string> _said = new();
    private Process? _process;

    private Server(string name, int port, Func<ProcessStartInfo> start)
    {
        Name = name;
        Port = port;
        _start = start;
    }

    public string Name { get; }
    public int Port { get; }
    public Uri Url => new($"http://127.0.0.1:{Port}");

    /// <param name="name">Its name in error messages.</param>
    /// <param name="start">Returns its command for a port.</param>
    public static async Task<Server> StartAsync(string name, Func<int, ProcessStartInfo> start)
    {
        var port = FreePort.Next();
        var server = new Server(name, port, () => start(port));
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>A gateway with one durable route for all paths of the service.</summary>
    public static async Task<Server> GatewayAsync(Uri service, string directory, int control, IReadOnlyList<string> settings)
    {
        Directory.CreateDirectory(directory);
        var gateway = await StartAsync("the gateway", port => Command.Start(directory, "dotnet",
        [
            Path.Combine(AppContext.BaseDirectory, "gateway.dll"),
            "--upstream", service.AbsoluteUri,
            $"--Durable:Listeners:Public=http://127.0.0.1:{port}",
            $"--Durable:Listeners:Control=http://127.0.0.1:{control}",
            $"--Durable:Store:DataDirectory={Path.Combine(directory, "data")}",
            "--Durable:Policies:default:Retry:Delay=00:00:00.250",
            .. settings.Select(setting => "--" + setting),
        ]));
        using var http = new HttpClient();
        for (var tries = 0; !await IsReadyAsync(http, control); tries++)
        {
            if (tries == 2400) throw new TimeoutException($"The gateway is not ready: {gateway.Said}");
            await Task.Delay(25);
        }

        return gateway;
    }

    /// <summary>The last lines of its output.</summary>
    public string Said
    {
        get
        {
            lock (_said) return string.Join('\n', _said);
        }
    }

    /// <summary>
    /// Starts it, or starts it again on the same port. Linux refuses the port of a killed process for a moment now and then, although no
    /// other server has it; then the start is repeated.
    /// </summary>
    public async Task StartAgainAsync()
    {
        const int MaxTries = 5;
        for (var tries = 1; !await TryStartAsync(); tries++)
        {
            if (tries == MaxTries || !Said.Contains("address already in use", StringComparison.OrdinalIgnoreCase))
                throw new InvalidOperationException($"{Name} has exited with {_process!.ExitCode}: {Said}");
        }
    }

    /// <summary>Sends SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Sends SIGSTOP. The system still accepts connections for the process, which reads nothing.</summary>
    public void Stop() => Signals.Stop(_process!.Id);

    /// <summary>Whether bytes have arrived that the stopped process has not read.</summary>
    public bool HasUnread()
    {
        // Address and port are hexadecimal. State 01 is an open connection. The second queue has the received bytes.
        var local = $"0100007F:{Port:X4}";
        return File.ReadLines("/proc/net/tcp").Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Any(field => field[1] == local && field[3] == "01" && !field[4].EndsWith(":00000000", StringComparison.Ordinal));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process!.HasExited)
        {
            Signals.Terminate(_process.Id);
            try
            {
                await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(5));
            }
            catch (TimeoutException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }

        _process.Dispose();
    }

    /// <returns><see langword="false"/> if it has exited instead.</returns>
    private async Task<bool> TryStartAsync()
    {
        lock (_said) _said.Clear();
        _process?.Dispose();
        _process = Process.Start(_start())!;
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        for (var tries = 0; !await IsListeningAsync(); tries++)
        {
            if (_process.HasExited)
            {
                // Completes when the whole output has been read.
                await _process.WaitForExitAsync();
                return false;
            }

            if (tries == 2400) throw new TimeoutException($"{Name} does not listen on port {Port}: {Said}");
            await Task.Delay(25);
        }

        return true;
    }

    private static async Task<bool> IsReadyAsync(HttpClient http, int control)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{control}/readyz"));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<bool> IsListeningAsync()
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync("127.0.0.1", Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        lock (_said)
        {
            _said.Enqueue(line);
            if (_said.Count > 20) _said.Dequeue();
        }
    }
}
