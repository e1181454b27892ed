using System.Diagnostics;
using System.Reflection;

namespace TripBooker;

/// <summary>A separate gateway process in front of the service, for this demonstration. It deletes its data at the end.</summary>
internal sealed class GatewayInFront : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly string _control;
    private readonly string _data;

    private GatewayInFront(Process process, string url, string control, string data)
    {
        _process = process;
        Public = url;
        _control = control;
        _data = data;
    }

    /// <summary>The URL for clients.</summary>
    public string Public { get; }

    public Task Exited => _process.WaitForExitAsync();

    public int ExitCode => _process.HasExited ? _process.ExitCode : 0;

    public static GatewayInFront Start(string upstream)
    {
        var assembly = typeof(GatewayInFront).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(a => a.Key == "GatewayAssembly").Value!;
        var data = Directory.CreateTempSubdirectory("trip-booker-").FullName;
        string url = Ports.UrlOf(8080), control = Ports.UrlOf(8081);
        string[] args =
        [
            assembly, "--upstream", upstream, $"--Durable:Listeners:Public={url}", $"--Durable:Listeners:Control={control}",
            $"--Durable:Store:DataDirectory={data}",
        ];
        var host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        return new GatewayInFront(Process.Start(host, args), url, control, data);
    }

    /// <summary>Waits until the gateway is ready.</summary>
    /// <returns><see langword="false"/> if the gateway ended instead. It has printed the reason.</returns>
    public async Task<bool> IsReadyAsync()
    {
        using var http = new HttpClient();
        for (var since = Stopwatch.StartNew(); since.Elapsed < Patience && !_process.HasExited; await Task.Delay(100))
        {
            try
            {
                using var response = await http.GetAsync(new Uri(_control + "/readyz"));
                if (response.IsSuccessStatusCode) return true;
            }
            catch (HttpRequestException)
            {
                // The gateway does not listen yet.
            }
        }

        return false;
    }

    /// <summary>On Ctrl-C, the gateway stops by itself, like this process. This method waits for it, for a limited time.</summary>
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
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
        try
        {
            Directory.Delete(_data, recursive: true);
        }
        catch (IOException)
        {
            // The folder is in the directory for temporary files, so it may stay.
        }
    }
}
