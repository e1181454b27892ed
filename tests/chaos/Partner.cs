using System.Collections.Concurrent;
using System.Net;

namespace DurableGateway.Chaos;

/// <summary>
/// A third party. It gets the URLs of callbacks, and calls them at any gateway until it gets an answer. It never dies.
/// </summary>
internal sealed class Partner : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly IReadOnlyList<Uri> _gateways;
    private readonly ConcurrentDictionary<string, Task> _calls = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(4) };
    private int _taken;

    private Partner(WebApplication app, IReadOnlyList<Uri> gateways) => (_app, _gateways) = (app, gateways);

    /// <summary>Callbacks that were accepted.</summary>
    public int Taken => _taken;

    public static async Task<Partner> StartAsync(int port, IReadOnlyList<Uri> gateways)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        var partner = new Partner(builder.Build(), gateways);

        // A service that dies before it has recorded the hand-out sends the same URL again.
        partner._app.MapPost("/calls", (Handed handed) =>
        {
            partner._calls.GetOrAdd(handed.Url, _ => partner.CallAsync(handed));
            return Microsoft.AspNetCore.Http.Results.Accepted();
        });
        await partner._app.StartAsync();
        return partner;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_calls.Values);
        await _app.DisposeAsync();
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task CallAsync(Handed handed)
    {
        var path = Uri.TryCreate(handed.Url, UriKind.Absolute, out var url) ? url.PathAndQuery : handed.Url;
        await Task.Delay(Random.Shared.Next(300), CancellationToken.None);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var answer = await _http.PostAsJsonAsync(new Uri(_gateways[Random.Shared.Next(_gateways.Count)], path),
                    handed.Request, _stop.Token);
                if (answer.IsSuccessStatusCode) Interlocked.Increment(ref _taken);
                if (answer.StatusCode < HttpStatusCode.InternalServerError) return;
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                // That node is down, or hangs. Another one can answer.
            }

            await Task.Delay(50, CancellationToken.None);
        }
    }

    /// <param name="Request">The request that waits for the callback.</param>
    /// <param name="Url">The URL to call.</param>
    internal sealed record Handed(string Request, string Url);
}
