using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json;
using DurableGateway.Proxy;
using DurableGateway.Tests.Support;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Tests.Proxy;

/// <summary>An unreachable service is retried for longer than a service that responds, and operators see the reason.</summary>
public sealed class UnreachableTests
{
    private const string TwoAttempts = "Durable:Policies:default:Retry:MaxAttempts=2";
    private const string AlwaysCounted = "Durable:Policies:default:Retry:UnreachableFor=00:00:00";
    private const int AttemptFailed = 111;
    private const int RunFailed = 126;
    private const int NotForwarded = 127;

    [Fact]
    public async Task ServiceThatIsAwayForLong_LosesNothing_AndIsAnsweredForAfterItsReturn()
    {
        var port = FreePort.Next();
        await using var gateway = await GatewayHost.StartAsync($"http://127.0.0.1:{port}", TwoAttempts);
        using var redirect = await gateway.Client.GetAsync("/orders");
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        var run = redirect.Headers.GetValues("Durable-Run-Id").Single();

        // Wait for twice as many attempts as the policy counts.
        await Eventually.TrueAsync(async () => (await RunAsync(gateway, run)).GetProperty("run").GetProperty("attempt").GetInt32() >= 5,
            "it is tried on", 30);
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("done"), port);

        Assert.Equal("done", await gateway.Follower.GetStringAsync(redirect.Headers.Location));
    }

    [Fact]
    public async Task AfterItsTime_ItCounts()
    {
        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1", TwoAttempts,
            "Durable:Policies:default:Retry:UnreachableFor=00:00:00.400");

        using var result = await gateway.Follower.GetAsync("/orders");

        Assert.Equal(HttpStatusCode.BadGateway, result.StatusCode);
        Assert.Equal(["failed"], result.Headers.GetValues("Durable-Status"));
        var run = await RunAsync(gateway, result.Headers.GetValues("Durable-Run-Id").Single());
        Assert.True(run.GetProperty("run").GetProperty("attempt").GetInt32() > 2, "What came before its time was counted.");
    }

    [Fact]
    public async Task Failure_ThatReachedTheService_CountsAtOnce()
    {
        // The service accepts the connection, and closes it without a response.
        using var service = new TcpListener(IPAddress.Loopback, 0);
        service.Start();
        using var stop = new CancellationTokenSource();
        var hangingUp = HangUpAsync(service, stop.Token);
        await using var gateway = await GatewayHost.StartAsync($"http://{service.LocalEndpoint}", TwoAttempts);

        using var result = await gateway.Follower.PostAsJsonAsync("/orders", 1);

        Assert.Equal(HttpStatusCode.BadGateway, result.StatusCode);
        var run = await RunAsync(gateway, result.Headers.GetValues("Durable-Run-Id").Single());
        Assert.Equal(2, run.GetProperty("run").GetProperty("attempt").GetInt32());
        await stop.CancelAsync();
        await hangingUp;
    }

    [Fact]
    public async Task Operators_AreToldWhatFailedWhereAndWhy_AndNoQuery()
    {
        var log = new LogSink();
        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1",
            app => app.Logging.AddProvider(log), TwoAttempts, AlwaysCounted);

        using var result = await gateway.Follower.GetAsync("/orders/7?token=secret");

        Assert.Equal(HttpStatusCode.BadGateway, result.StatusCode);
        var id = result.Headers.GetValues("Durable-Run-Id").Single();
        var attempt = Assert.Single(log.Of(AttemptFailed));
        var ended = Assert.Single(log.Of(RunFailed));
        Assert.Equal(LogLevel.Warning, ended.Level);
        foreach (var (_, text) in new[] { attempt, ended })
        {
            Assert.Contains("connection refused", text, StringComparison.Ordinal);
            Assert.Contains("GET /orders/7 at http://127.0.0.1:1", text, StringComparison.Ordinal);
            Assert.Contains(id, text, StringComparison.Ordinal);
            Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
        }

        var run = await RunAsync(gateway, id);
        Assert.StartsWith("connection refused, http://127.0.0.1:1", run.GetProperty("run").GetProperty("lastError").GetString(),
            StringComparison.Ordinal);
        Assert.Equal(502, run.GetProperty("run").GetProperty("status").GetInt32());
        var attempts = run.GetProperty("attempts").EnumerateArray().ToList();
        Assert.Equal(JsonValueKind.Null, attempts[0].GetProperty("status").ValueKind);
        Assert.Equal(502, attempts[^1].GetProperty("status").GetInt32());
        foreach (var shown in attempts)
        {
            Assert.StartsWith("http://127.0.0.1:1", shown.GetProperty("destination").GetString(), StringComparison.Ordinal);
            Assert.Equal("connection refused", shown.GetProperty("reason").GetString());
        }
    }

    [Fact]
    public async Task FailureThatIsTheServicesFinalAnswer_IsAWarning()
    {
        var log = new LogSink();
        await using var service = await TestService.StartAsync((context, _) =>
        {
            context.Response.StatusCode = 500;
            context.Response.Headers["Durable-Retry"] = "?0";
            return context.Response.WriteAsync("no");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, app => app.Logging.AddProvider(log));

        using var result = await gateway.Client.GetAsync("/orders");

        Assert.Equal(HttpStatusCode.InternalServerError, result.StatusCode);
        await Eventually.TrueAsync(() => log.Of(RunFailed).Count == 1, "it is logged");
        var (level, text) = log.Of(RunFailed)[0];
        Assert.Equal(LogLevel.Warning, level);
        Assert.Contains("status 500", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlainRoute_IsExplainedToo()
    {
        var log = new LogSink();
        await using var gateway = await GatewayHost.StartAsync(
            "http://127.0.0.1:1", app => app.Logging.AddProvider(log), "Durable:Policies:default:MaxRequestBytes=10");

        using var result = await gateway.Client.PostAsync("/orders?token=secret", new StringContent(new string('x', 100)));

        Assert.Equal(HttpStatusCode.BadGateway, result.StatusCode);
        await Eventually.TrueAsync(() => log.Of(NotForwarded).Count == 1, "it is logged");
        var (_, text) = log.Of(NotForwarded)[0];
        Assert.Contains("(connection refused): POST /orders at http://127.0.0.1:1", text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
    }

    public static TheoryData<ForwarderError, Exception?, string, bool> Failures => new()
    {
        { ForwarderError.NoAvailableDestinations, null, "no destination of the cluster is available", true },
        { ForwarderError.Request, Socket(HttpRequestError.ConnectionError, SocketError.ConnectionRefused), "connection refused", true },
        { ForwarderError.Request, Socket(HttpRequestError.ConnectionError, SocketError.HostUnreachable), "host unreachable", true },
        { ForwarderError.Request, Socket(HttpRequestError.NameResolutionError, SocketError.HostNotFound), "host name not found", true },
        { ForwarderError.Request, Socket(HttpRequestError.Unknown, SocketError.ConnectionReset), "connection reset", false },
        { ForwarderError.Request, new HttpRequestException(HttpRequestError.ResponseEnded),
            "the connection was closed without a whole response", false },
        { ForwarderError.Request, new HttpRequestException(HttpRequestError.SecureConnectionError, "x", new IOException("eof")),
            "TLS handshake failed", true },
        { ForwarderError.Request, new HttpRequestException(HttpRequestError.SecureConnectionError, "x",
            new AuthenticationException("expired")), "TLS handshake failed: expired", false },
        { ForwarderError.RequestTimedOut, new OperationCanceledException("x", new TimeoutException()), "connection timed out", true },
        { ForwarderError.RequestTimedOut, new OperationCanceledException(), "timed out", false },
        { ForwarderError.ResponseBodyDestination, Socket(HttpRequestError.Unknown, SocketError.ConnectionReset),
            "the response was cut off (connection reset)", false },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void Failure_IsExplained_AndToldFromOneThatReachedNobody(
        ForwarderError error, Exception? exception, string text, bool unreachable)
    {
        Assert.Equal(text, ForwardingFailure.Explain(error, exception));
        Assert.Equal(unreachable, ForwardingFailure.IsUnreachable(error, exception));
    }

    private static HttpRequestException Socket(HttpRequestError error, SocketError code) => new(error, "x", new SocketException((int)code));

    private static async Task<JsonElement> RunAsync(GatewayHost gateway, string run) =>
        await gateway.Client.GetFromJsonAsync<JsonElement>(new Uri(gateway.Control, $"/_durable/v1/admin/runs/{run}"));

    private static async Task HangUpAsync(TcpListener service, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                using var client = await service.AcceptSocketAsync(stop);
                await client.ReceiveAsync(new byte[4096], stop);
            }
        }
        catch (OperationCanceledException)
        {
            // The test has ended.
        }
    }
}
