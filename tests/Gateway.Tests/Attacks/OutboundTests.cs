using System.Net;
using System.Net.Sockets;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>
/// The gateway calls the destinations of its configuration, and nothing else: no request, step or event names an address that it would
/// connect to. Whoever listens elsewhere hears nothing.
/// </summary>
public sealed class OutboundTests : IAsyncLifetime
{
    private readonly TcpListener _elsewhere = new(IPAddress.Loopback, 0);
    private TestService _service = null!;
    private GatewayHost _gateway = null!;

    private string Elsewhere => _elsewhere.LocalEndpoint.ToString()!;

    public async ValueTask InitializeAsync()
    {
        _elsewhere.Start();
        _service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("done"));
        _gateway = await GatewayHost.StartAsync(_service.Url);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _service.DisposeAsync();
        _elsewhere.Dispose();
    }

    [Fact]
    public async Task Request_CannotChooseItsDestination()
    {
        foreach (var (target, headers) in new[]
        {
            ($"http://{Elsewhere}/a", $"Host: {Elsewhere}"), ("/b", $"Host: {Elsewhere}"), ($"/@{Elsewhere}/c", "Host: x"),
            ($"//{Elsewhere}/d", "Host: x"), ($"/http://{Elsewhere}/e", "Host: x"),
            ("/f", $"Host: x\r\nX-Forwarded-Host: {Elsewhere}\r\nForwarded: host={Elsewhere}\r\nX-Forwarded-For: {Elsewhere}"),
            ("/g", $"Host: x\r\nX-Original-URL: http://{Elsewhere}/\r\nX-Rewrite-URL: http://{Elsewhere}/"),
            ("/h", $"Host: x\r\nDurable-Callback: http://{Elsewhere}/\r\nDurable-Callback-Url: http://{Elsewhere}/\r\nReferer: "
                + $"http://{Elsewhere}/\r\nOrigin: http://{Elsewhere}"),
            ("/i", $"Host: x\r\nPrefer: respond-async\r\nCallback: http://{Elsewhere}/\r\nLink: <http://{Elsewhere}/>; rel=\"webhook\""),
        })
        {
            var answer = await Raw.SendAsync(_gateway.Public, $"GET {target} HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n");
            Assert.True(answer.Status is 200 or 202, $"{target} {headers}: {answer.Status}");
        }

        await Eventually.TrueAsync(() => _service.Seen.Count == 9, "all of them reached the service");
        Assert.False(_elsewhere.Pending());
    }

    /// <summary>What a service answers is passed on: the gateway follows no redirect, pushes nothing and reports nowhere.</summary>
    [Fact]
    public async Task Answer_SendsTheGatewayNowhere()
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = $"http://{Elsewhere}/";
            context.Response.Headers["Alt-Svc"] = $"h2=\"{Elsewhere}\"";
            context.Response.Headers.Link = $"<http://{Elsewhere}/>; rel=preload";
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        for (var i = 0; i < 3; i++)
        {
            using var answer = await gateway.Client.GetAsync("/");
            Assert.Equal((HttpStatusCode.TemporaryRedirect, $"http://{Elsewhere}/"),
                (answer.StatusCode, answer.Headers.Location!.ToString()));
        }

        Assert.False(_elsewhere.Pending());
    }

    /// <summary>An invoked path is matched as a client's is; it names no host, whatever it looks like.</summary>
    [Theory]
    [InlineData("http://{0}/", 400)]
    [InlineData("//{0}/", 400)]
    [InlineData("\\\\{0}\\", 400)]
    [InlineData("@{0}/", 400)]
    [InlineData("{0}", 400)]
    [InlineData("/x#@{0}/", 400)]
    [InlineData("/x\t//{0}/", 400)]
    [InlineData("/@{0}/", 202)]
    [InlineData("/\\{0}/", 202)]
    [InlineData("/%2f{0}/", 202)]
    [InlineData("/..//{0}/", 422)]
    [InlineData("/x/../_durable/v1/admin/runs?{0}", 422)]
    [InlineData("/;/_durable/v1/admin/runs?{0}", 422)]
    public async Task Invocation_StaysOnThisGateway(string path, int status)
    {
        // Runs that lead nowhere are kept from the lists of other tests.
        await using var world = await World.StartAsync(World.RetryMuchLater, "Durable:Policies:default:Retention=00:09:00");
        var attempt = await world.BeginAsync();
        var answer = await attempt.PutAsync("call", "1", ("Durable-Step-Type", "invoke"),
            ("Durable-Invoke-Path", path.Replace("{0}", Elsewhere, StringComparison.Ordinal)));
        Assert.True((int)answer.Status == status, $"{answer.Status}: {answer.Text}");
        Assert.False(_elsewhere.Pending());
    }

    /// <summary>The source of an event is a name, and its schema too: neither is looked up.</summary>
    [Fact]
    public async Task Event_IsNotFollowed()
    {
        var cloudEvent =
            $$"""
            {"specversion":"1.0","id":"1","source":"http://{{Elsewhere}}/","type":"t",
             "dataschema":"http://{{Elsewhere}}/schema","data":{"$ref":"http://{{Elsewhere}}/"} }
            """;
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await _gateway.Client.PostAsync(new Uri(_gateway.Control, "/_durable/v1/events"),
                new StringContent(cloudEvent, null, "application/cloudevents+json"));
            return answer.StatusCode == HttpStatusCode.Accepted;
        }, "the event is taken in");
        Assert.False(_elsewhere.Pending());
    }
}
