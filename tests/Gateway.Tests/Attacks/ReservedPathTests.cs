using System.Text;
using DurableGateway.Proxy;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>
/// However its path is written, nothing of the control listener is on the public one, and no service is sent what looks like it.
/// </summary>
public sealed class ReservedPathTests : IAsyncLifetime
{
    private static readonly string[] Prefixes =
    [
        "/_durable", "//_durable", "///_durable", "/%5fdurable", "/_%64urable", "/_DURABLE", "/./_durable", "/%2e/_durable",
        "/x/../_durable", "/x/%2e%2e/_durable",
        "/_durable;x", "/_durable;", "/;/_durable", "/;x=1/_durable", "/.;/_durable", "/%2f_durable", "/%2F%2f_durable", "/%5c_durable",
        "/\\_durable", "\\_durable", "/_durable%20", "/%20_durable",
        "http://evil.example/_durable", "http://evil.example//_durable",
    ];

    private TestService _service = null!;
    private GatewayHost _gateway = null!;
    private string _run = "";
    private string _token = "";

    public async ValueTask InitializeAsync()
    {
        _service = await TestService.StartAsync((context, _) =>
        {
            (_run, _token) = (context.Request.Headers["Durable-Run-Id"].ToString(), context.Request.Headers["Durable-Token"].ToString());
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });

        // Whatever a client may write, this route would take it.
        _gateway = await GatewayHost.StartAsync(_service.Url, World.RetryMuchLater,
            "ReverseProxy:Routes:upstream:Match:Path=/{**catch-all}");
        await _gateway.Client.GetAsync("/begin");
        _service.Seen.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _service.DisposeAsync();
    }

    [Fact]
    public async Task ControlRoutes_AreNowhereOnThePublicListener()
    {
        (string Method, string Path)[] routes =
        [
            ("PUT", $"/v1/runs/{_run}/steps/charge"), ("GET", $"/v1/runs/{_run}/steps"), ("GET", $"/v1/runs/{_run}"),
            ("POST", "/v1/events"), ("GET", "/v1/admin/runs"), ("GET", "/v1/admin/openapi.json"),
            ("POST", $"/v1/admin/runs/{_run}/cancel"), ("GET", "/dashboard/base.css"), ("GET", "%2fv1%2fadmin%2fruns"),
            ("GET", "%5cv1%5cadmin%5cruns"), ("GET", "//v1//admin/runs"), ("GET", "/v1/runs/../admin/runs"),
        ];
        foreach (var prefix in Prefixes)
        {
            foreach (var (method, path) in routes)
            {
                var host = prefix.StartsWith("http", StringComparison.Ordinal) ? "evil.example" : _gateway.Control.Authority;
                var answer = await Raw.SendAsync(_gateway.Public, $"{method} {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: "
                    + $"close\r\nDurable-Token: {_token}\r\nContent-Length: 1\r\n\r\n1");
                Assert.True(answer.Status is 400 or 404,
                    $"{method} {prefix}{path}: {answer.Status} {Encoding.UTF8.GetString(answer.Body)}");
            }
        }

        Assert.Empty(_service.Seen);
    }

    /// <summary>
    /// The dashboard and the probes are at the root of the control listener; on the public one that path is the service's.
    /// </summary>
    [Theory]
    [InlineData("/")]
    [InlineData("/runs")]
    [InlineData("/login")]
    [InlineData("/metrics")]
    [InlineData("/healthz")]
    [InlineData("/readyz")]
    public async Task RootOfThePublicListener_IsTheServices(string path)
    {
        using var answer = await _gateway.Client.GetAsync(path);
        Assert.Equal(303, (int)answer.StatusCode);
        Assert.Equal(path, Assert.Single(_service.Seen).Target);
    }

    [Theory]
    [InlineData("/_durable", true)]
    [InlineData("/_durable;v=1", true)]
    [InlineData("//_durable/x", true)]
    [InlineData("/%2f_durable", true)]
    [InlineData("\\_durable", true)]
    [InlineData("", false)]
    [InlineData("/", false)]
    [InlineData("/_durable2", false)]
    [InlineData("/_durable.html", false)]
    [InlineData("/x/_durable", false)]
    [InlineData("/durable", false)]
    public void FirstSegment_IsWhatCounts(string path, bool reserved) => Assert.Equal(reserved, ReservedPathMiddleware.IsReserved(path));
}
