using System.Net;
using System.Text.RegularExpressions;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Telemetry;

/// <summary>
/// A run that fails once after a step, is replayed, and is told to a receiver by a gateway in a process of its own: what another test
/// in this process does is no part of it.
/// </summary>
public sealed class ToldRun : IAsyncLifetime
{
    internal const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    internal const string ClientSpan = "b7ad6b7169203331";

    private readonly List<string> _secrets = [];
    private TestService? _service;

    internal OtlpReceiver Receiver { get; private set; } = null!;
    internal GatewayProcess Gateway { get; private set; } = null!;
    internal string RunId { get; private set; } = "";

    /// <summary>What only those may know whom it was given to.</summary>
    internal IReadOnlyList<string> Secrets => _secrets;

    internal static HttpRequestMessage Request(string path, string traceId = TraceId, bool sampled = true)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("traceparent", $"00-{traceId}-{ClientSpan}-{(sampled ? "01" : "00")}");
        return request;
    }

    internal IEnumerable<SeenRequest> SeenAt(string path) => _service!.Seen.Where(seen => seen.Target == path);

    public async ValueTask InitializeAsync()
    {
        Receiver = await OtlpReceiver.StartAsync();
        _service = await TestService.StartAsync(async (context, count) =>
        {
            var seen = SeenRequest.Of(context, []);
            if (count == 1) await Checkpoint.PutAsync(seen, "charge", "1", ("Durable-Step-Duration", "0.25"));
            lock (_secrets) _secrets.Add(seen["Durable-Token"]!);
            context.Response.StatusCode = count == 1 ? 503 : 200;
            await context.Response.WriteAsync(count == 1 ? "the bank is closed" : "done");
        });
        Gateway = await GatewayProcess.StartAsync(_service.Url, Receiver.Settings);
        using var request = Request("/told");
        using var redirect = await Gateway.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        RunId = redirect.Headers.GetValues("Durable-Run-Id").Single();
        lock (_secrets) _secrets.Add(Regex.Match(redirect.Headers.Location!.OriginalString, "token=([^&]+)").Groups[1].Value);
        Assert.Equal("done", await Gateway.Follower.GetStringAsync(redirect.Headers.Location));
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await _service!.DisposeAsync();
        await Receiver.DisposeAsync();
    }
}
