using System.Collections.Concurrent;
using System.Net;
using DurableGateway.Client.Http;
using DurableGateway.Client.Tests.Support;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace DurableGateway.Client.Tests;

/// <summary>Any service that is called could collect the token by a redirect to itself, if redirects took it along.</summary>
public sealed class EgressRedirectTests : IAsyncLifetime
{
    private readonly FakeGateway _gateway = FakeGateway.With(_ => null);
    private readonly Place _near = new();
    private readonly Place _far = new();

    public async ValueTask InitializeAsync()
    {
        await _far.StartAsync("");
        await _near.StartAsync(_far.Origin);
    }

    public async ValueTask DisposeAsync()
    {
        await _near.DisposeAsync();
        await _far.DisposeAsync();
    }

    [Theory]
    [InlineData("factory")]
    [InlineData("primary of one's own, registered later")]
    [InlineData("sockets handler")]
    [InlineData("client handler")]
    public async Task TokenAndMark_GoToTheSameOrigin_AndToNoOther(string way)
    {
        using var services = Services(way);
        using var client = way switch
        {
            "sockets handler" => new HttpClient(new DurableEgressHandler(new SocketsHttpHandler())),
            "client handler" => new HttpClient(new DurableEgressHandler(new HttpClientHandler())),
            _ => services.GetRequiredService<IHttpClientFactory>().CreateClient("payments"),
        };

        await InStepAsync(async ct =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, _near.Origin + "/302?/302-far?/end");
            request.Headers.Add("Cookie", "own");
            request.Headers.Add("X-Own", "own");
            using var response = await client.SendAsync(request, ct);
            Assert.Equal(_far.Origin + "/end", response.RequestMessage!.RequestUri!.AbsoluteUri);
        });

        Assert.Equal(["GET /302 e.t ?1 own own ", "GET /302-far e.t ?1 own own "], _near.Seen);
        Assert.Equal(["GET /end    own "], _far.Seen);
    }

    [Fact]
    public async Task SynchronousCalls_DoTheSame()
    {
        using var client = new HttpClient(new DurableEgressHandler(new SocketsHttpHandler()));

        await InStepAsync(ct => Task.Run(() =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, _near.Origin + "/302-far?/end");
            using var response = client.Send(request, ct);
        }, ct));

        Assert.Equal(["GET /302-far e.t ?1   "], _near.Seen);
        Assert.Equal(["GET /end     "], _far.Seen);
    }

    [Theory]
    [InlineData("301", "POST", "GET /end     ")]
    [InlineData("302", "POST", "GET /end     ")]
    [InlineData("302", "PUT", "PUT /end     body")]
    [InlineData("303", "PUT", "GET /end     ")]
    [InlineData("307", "POST", "POST /end     body")]
    [InlineData("308", "POST", "POST /end     body")]
    public async Task MethodAndBody_AreThoseThatHttpClientWouldSend(string status, string method, string expected)
    {
        using var plain = new HttpClient();
        using var client = new HttpClient(new DurableEgressHandler(new SocketsHttpHandler()));

        await SendAsync(plain, CancellationToken.None);
        await InStepAsync(ct => SendAsync(client, ct));

        Assert.Equal([expected, expected], _far.Seen);

        async Task SendAsync(HttpClient by, CancellationToken ct)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), $"{_near.Origin}/{status}-far?/end");
            request.Content = new StringContent("body");
            using var response = await by.SendAsync(request, ct);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    /// <summary>A pipeline above the handler may send the request again. It starts over, and not at the other origin.</summary>
    [Fact]
    public async Task RequestThatIsSentAgain_StartsOver()
    {
        using var invoker = new HttpMessageInvoker(new DurableEgressHandler(new SocketsHttpHandler()));

        await InStepAsync(async ct =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, _near.Origin + "/302-far?/end");
            (await invoker.SendAsync(request, ct)).Dispose();
            (await invoker.SendAsync(request, ct)).Dispose();
        });

        Assert.Equal(["GET /end     ", "GET /end     "], _far.Seen);
        Assert.Equal(2, _near.Seen.Count);
    }

    [Fact]
    public async Task Redirects_AreNotFollowed_IfThePrimaryHandlerDidNot()
    {
        using var client = new HttpClient(new DurableEgressHandler(new SocketsHttpHandler { AllowAutoRedirect = false }));

        await InStepAsync(async ct =>
        {
            using var response = await client.GetAsync(new Uri(_near.Origin + "/302-far?/end"), ct);
            Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
        });

        Assert.Empty(_far.Seen);
    }

    [Fact]
    public async Task Redirects_EndAtTheLimitOfThePrimaryHandler_WhichClientsMayShare()
    {
        using var primary = new SocketsHttpHandler { MaxAutomaticRedirections = 2 };
        using var one = new HttpClient(new DurableEgressHandler(primary), disposeHandler: false);
        using var two = new HttpClient(new DurableEgressHandler(primary), disposeHandler: false);

        await InStepAsync(async ct =>
        {
            foreach (var client in new[] { one, two })
            {
                using var response = await client.GetAsync(new Uri(_near.Origin + "/302?/302?/302?/end"), ct);
                Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
            }
        });

        Assert.Equal(6, _near.Seen.Count);
    }

    [Fact]
    public async Task PrimaryHandlerThatHasBeenUsed_IsRefused()
    {
        using var primary = new SocketsHttpHandler();
        using var plain = new HttpClient(primary, disposeHandler: false);
        await plain.GetAsync(new Uri(_near.Origin + "/end"), TestContext.Current.CancellationToken);
        using var client = new HttpClient(new DurableEgressHandler(primary));

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(
            () => client.GetAsync(new Uri(_near.Origin + "/end"), TestContext.Current.CancellationToken));

        Assert.Contains("AllowAutoRedirect", refused.Message, StringComparison.Ordinal);
    }

    private static ServiceProvider Services(string way)
    {
        var services = new ServiceCollection();
        var builder = services.AddHttpClient("payments").AddDurableEgressHandler();
        if (way != "factory") builder.ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler());
        return services.BuildServiceProvider();
    }

    private async Task InStepAsync(Func<CancellationToken, Task> body)
    {
        var headers = FakeGateway.Headers(null, 0, attempt: 1);
        headers["Durable-Egress-Token"] = "e.t";
        using var attempt = _gateway.Begin(headers, null, CancellationToken.None);
        Exception? thrown = null;
        await attempt.RunAsync(token => attempt.Step.RunAsync("pay", async ct =>
        {
            thrown = await Record.ExceptionAsync(() => body(ct));
            return 1;
        }, cancellationToken: token));
        Assert.Null(thrown);
    }

    /// <summary>A server. <c>/302?/next</c> redirects to a path here, and <c>/302-far?/next</c> to one of another server.</summary>
    private sealed class Place : IAsyncDisposable
    {
        private WebApplication? _app;

        public string Origin { get; private set; } = "";

        public ConcurrentQueue<string> Seen { get; } = new();

        public async Task StartAsync(string far)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            _app = builder.Build();
            _app.Run(async context =>
            {
                var (request, path) = (context.Request, context.Request.Path.Value!);
                using var reader = new StreamReader(request.Body);
                Seen.Enqueue($"{request.Method} {path} {request.Headers["Durable-Egress-Token"]} {request.Headers["Durable-In-Step"]} " +
                    $"{request.Headers.Cookie} {request.Headers["X-Own"]} {await reader.ReadToEndAsync(context.RequestAborted)}");
                if (!int.TryParse(path.Split('-')[0].TrimStart('/'), out var status)) return;
                context.Response.StatusCode = status;
                var origin = path.EndsWith("-far", StringComparison.Ordinal) ? far : "";
                context.Response.Headers.Location = origin + request.QueryString.Value![1..];
            });
            await _app.StartAsync();
            Origin = _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        }

        public async ValueTask DisposeAsync()
        {
            if (_app is not null) await _app.DisposeAsync();
        }
    }
}
