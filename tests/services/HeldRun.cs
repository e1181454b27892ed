using System.Net;
using System.Text.Json;
using DurableGateway.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace DurableGateway.Services;

/// <summary>
/// A run whose attempt lasts as long as this object. What the clients of a part send to <see cref="Url"/> are calls of this attempt, and
/// pass through the egress listener of a gateway of its own.
/// </summary>
internal sealed class HeldRun : IAsyncDisposable
{
    private readonly TaskCompletionSource<(string Run, string Token)> _attempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HttpClient _http = new();
    private readonly WebApplication _service;
    private readonly int _egress = FreePort.Next();
    private readonly int _control = FreePort.Next();
    private Server? _gateway;
    private Relay? _relay;
    private Task<HttpResponseMessage>? _request;

    private HeldRun()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _service = builder.Build();
        _service.Run(HoldAsync);
    }

    public Uri Url => _relay!.Url;

    /// <param name="destination">The service that the calls go to.</param>
    /// <param name="directory">The directory for the gateway's store.</param>
    public static async Task<HeldRun> StartAsync(Uri destination, string directory)
    {
        var run = new HeldRun();
        try
        {
            await run.BeginAsync(destination, directory);
            return run;
        }
        catch
        {
            await run.DisposeAsync();
            throw;
        }
    }

    /// <summary>How many of the calls have become steps of the run.</summary>
    public async Task<int> CountStepsAsync()
    {
        var (run, _) = await _attempt.Task;
        using var answer = await _http.GetAsync(new Uri($"http://127.0.0.1:{_control}/_durable/v1/admin/runs/{run}"));
        if (answer.StatusCode == HttpStatusCode.NotFound) return 0;
        using var json = JsonDocument.Parse(await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync());
        return json.RootElement.GetProperty("steps").GetArrayLength();
    }

    public async ValueTask DisposeAsync()
    {
        _end.TrySetResult();
        if (_request is not null) (await _request).Dispose();
        if (_relay is not null) await _relay.DisposeAsync();
        if (_gateway is not null) await _gateway.DisposeAsync();
        await _service.DisposeAsync();
        _http.Dispose();
    }

    private async Task BeginAsync(Uri destination, string directory)
    {
        await _service.StartAsync();
        _gateway = await Server.GatewayAsync(new Uri(_service.Urls.Single()), Path.Combine(directory, "egress"), _control,
        [
            $"Durable:Listeners:Egress=http://127.0.0.1:{_egress}",
            "Durable:Policies:default:AttemptTimeout=00:30:00",
            "ReverseProxy:Routes:calls:ClusterId=destination",
            "ReverseProxy:Routes:calls:Match:Path={**rest}",
            "ReverseProxy:Routes:calls:Metadata:Durable.Step=Remember",

            // Services of WebDAV compare the host with that of a Destination header.
            "ReverseProxy:Routes:calls:Transforms:0:RequestHeaderOriginalHost=true",
            $"ReverseProxy:Clusters:destination:Destinations:one:Address={destination}",
        ]);
        _request = _http.GetAsync(_gateway.Url, HttpCompletionOption.ResponseHeadersRead);
        var (_, token) = await _attempt.Task.WaitAsync(TimeSpan.FromSeconds(60));
        _relay = new Relay(_egress, $"Durable-Egress-Token: {token}");
    }

    private async Task HoldAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        _attempt.TrySetResult((headers["Durable-Run-Id"].ToString(), headers["Durable-Egress-Token"].ToString()));
        await _end.Task;
    }
}
