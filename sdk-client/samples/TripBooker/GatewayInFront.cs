using System.Diagnostics;
using System.Reflection;

namespace TripBooker;

/// <summary>A gateway of its own for this demonstration, in front of the service, as a process.</summary>
internal sealed class GatewayInFront : IAsyncDisposable
{
    private readonly Process _process;

    private GatewayInFront(Process process) => _process = process;

    public Task Exited => _process.WaitForExitAsync();

    public int ExitCode => _process.HasExited ? _process.ExitCode : 0;

    public static GatewayInFront Start(string upstream)
    {
        var assembly = typeof(GatewayInFront).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "GatewayAssembly").Value!;
        return new GatewayInFront(Process.Start(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet",
            [assembly, "--upstream", upstream]));
    }

    /// <summary>The gateway stops by itself on Ctrl-C, as this process does; it is only waited for, and not for ever.</summary>
    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            if (!_process.HasExited) await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
        }

        _process.Dispose();
    }
}
