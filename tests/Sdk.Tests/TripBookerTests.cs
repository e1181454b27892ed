using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using DurableGateway.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>The README's first command, as a newcomer runs it.</summary>
public sealed partial class TripBookerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Starts_ThoughItsPortsAreTaken_AndItsCurlCommandWorks(bool own)
    {
        using var taken = new TakenPorts(5000, 8080, 8081);
        var address = $"http://127.0.0.1:{FreePort.Next()}";
        await using var trips = new TripBookerProcess(own ? ["--urls", address] : []);

        var command = await trips.FindAsync(Curl());
        using var curl = Process.Start(new ProcessStartInfo("/bin/sh",
            ["-c", $"{command.Trim()} --silent --max-time 60"])
        { RedirectStandardOutput = true })!;

        Assert.Contains("\"from\":\"BER\"", await curl.StandardOutput.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("--json", command, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", trips.Output, StringComparison.Ordinal);
        if (own) Assert.Contains(address, trips.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AddressThatIsTaken_IsSaidInOneLine()
    {
        var port = FreePort.Next();
        using var taken = new TakenPorts(port);
        await using var trips = new TripBookerProcess(["--urls", $"http://127.0.0.1:{port}"]);

        Assert.Equal(1, await trips.ExitAsync());

        Assert.Contains("--urls", trips.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", trips.Output, StringComparison.Ordinal);
    }

    [GeneratedRegex("^ *curl .*/booking$")]
    private static partial Regex Curl();

    /// <summary>Ports on which a process listens: this test, or another process.</summary>
    private sealed class TakenPorts : IDisposable
    {
        private readonly List<TcpListener> _listeners = [];

        public TakenPorts(params int[] ports)
        {
            foreach (var port in ports)
            {
                var listener = new TcpListener(IPAddress.Loopback, port);
                try
                {
                    listener.Start();
                    _listeners.Add(listener);
                }
                catch (SocketException)
                {
                    listener.Dispose();
                }
            }
        }

        public void Dispose() => _listeners.ForEach(listener => listener.Dispose());
    }

    private sealed class TripBookerProcess : IAsyncDisposable
    {
        private readonly List<string> _lines = [];
        private readonly Process _process;

        public TripBookerProcess(string[] args)
        {
            _process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "TripBooker.dll"), .. args])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = Path.GetTempPath(),
            })!;
            _process.OutputDataReceived += (_, line) => Add(line.Data);
            _process.ErrorDataReceived += (_, line) => Add(line.Data);
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        public string Output
        {
            get
            {
                lock (_lines) return string.Join('\n', _lines);
            }
        }

        public async Task<string> FindAsync(Regex pattern)
        {
            string? found = null;
            await Eventually.TrueAsync(
                () =>
                {
                    lock (_lines) found = _lines.Find(line => pattern.IsMatch(line));
                    return found is not null || _process.HasExited;
                },
                "it says how to call it", 90);
            return found ?? throw new InvalidOperationException($"It ended with status {_process.ExitCode}:\n{Output}");
        }

        public async Task<int> ExitAsync()
        {
            await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
            return _process.ExitCode;
        }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited)
            {
                // Both processes get the signal, as with Ctrl+C, and end by themselves.
                foreach (var process in Children().Append(_process.Id)) Signals.Terminate(process);
                await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
            }

            _process.Dispose();
        }

        private List<int> Children() =>
        [
            .. Directory.GetDirectories($"/proc/{_process.Id}/task")
                .SelectMany(task => File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Select(id => int.Parse(id, CultureInfo.InvariantCulture)),
        ];

        private void Add(string? line)
        {
            if (line is null) return;
            lock (_lines) _lines.Add(line);
        }
    }
}
