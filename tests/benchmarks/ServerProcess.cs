using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace DurableGateway.Benchmarks;

/// <summary>
/// A process that is measured from outside: its CPU time is read from <c>/proc</c>, what it allocates from <see cref="StartupHook"/>.
/// </summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    // USER_HZ: the unit of /proc/<pid>/stat on Linux, whatever the kernel's own clock is.
    private const double MicrosecondsPerTick = 10_000;

    private readonly Process _process;
    private readonly string? _counters;

    private ServerProcess(Process process, string? counters)
    {
        _process = process;
        _counters = counters;
        _ = process.StandardOutput.ReadToEndAsync();
    }

    public int Id => _process.Id;
    public bool HasExited => _process.HasExited;

    public static ServerProcess Start(string program, IEnumerable<string> args, string? directory = null,
        params ReadOnlySpan<(string Name, string Value)> environment) =>
        new(Launch(program, args, directory, environment), null);

    public static ServerProcess StartDotnet(string assembly, IEnumerable<string> args, bool isTiered = true)
    {
        var counters = Path.Combine(Path.GetTempPath(), $"durable-bench-{Guid.NewGuid():N}.sock");
        return new ServerProcess(Launch("dotnet", [assembly, .. args], null,
        [
            ("DOTNET_STARTUP_HOOKS", typeof(StartupHook).Assembly.Location),
            (StartupHook.SocketVariable, counters),

            // Without tiers the code is the same from the first request on, and so is what it allocates.
            ("DOTNET_TieredCompilation", isTiered ? "1" : "0"),
        ]), counters);
    }

    /// <summary>The CPU time of the process and of its children until now, in microseconds.</summary>
    public double CpuMicroseconds()
    {
        var ticks = Ticks(Id);
        foreach (var child in File.ReadAllText($"/proc/{Id}/task/{Id}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            ticks += Ticks(int.Parse(child, CultureInfo.InvariantCulture));
        return ticks * MicrosecondsPerTick;
    }

    /// <summary>All that the process has allocated until now, in bytes; 0 where it is no .NET process.</summary>
    public async Task<long> AllocatedAsync()
    {
        if (_counters is null) return 0;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(_counters));
        var answer = new byte[sizeof(long)];
        for (var length = 0; length < answer.Length;)
        {
            var read = await socket.ReceiveAsync(answer.AsMemory(length));
            if (read == 0) throw new IOException("The process gave no number.");
            length += read;
        }

        return BitConverter.ToInt64(answer);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        if (_counters is not null) File.Delete(_counters);
    }

    private static Process Launch(string program, IEnumerable<string> args, string? directory,
        ReadOnlySpan<(string Name, string Value)> environment)
    {
        var start = new ProcessStartInfo(program, args) { RedirectStandardOutput = true, WorkingDirectory = directory ?? "" };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static long Ticks(int id)
    {
        // The name of the program is in brackets and may hold spaces.
        var stat = File.ReadAllText($"/proc/{id}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
    }
}
