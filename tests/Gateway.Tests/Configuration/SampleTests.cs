using System.Globalization;
using System.Net;
using DurableGateway.Configuration;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Configuration;

/// <summary>The samples start, and the one for the internet is as strict as it says.</summary>
public sealed class SampleTests
{
    [Theory]
    [InlineData("orders.json")]
    [InlineData("legacy-api.json")]
    [InlineData("internet.json")]
    public async Task Sample_Starts(string file)
    {
        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1", "config=" + PathOf(file));
        using var answer = await gateway.Client.GetAsync(new Uri(gateway.Control, "/healthz"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Internet_SetsEveryLimit()
    {
        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1", "config=" + PathOf("internet.json"));
        var limits = gateway.Services.GetRequiredService<GatewaySettings>().Limits;
        var basis = new ServerLimits();
        Assert.All(typeof(ServerLimits).GetProperties().Where(property =>
            property.Name is not (nameof(ServerLimits.DataRateGracePeriod) or nameof(ServerLimits.MaxStreamsPerConnection))),
            property => Assert.NotEqual(property.GetValue(basis), property.GetValue(limits)));
        Assert.Equal("10.0.0.0/24", Assert.Single(gateway.Services.GetRequiredService<GatewaySettings>().TrustedProxies).ToString());
    }

    [Fact]
    public async Task Internet_IsStrict()
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("in"));
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            "config=" + PathOf("internet.json"), $"ReverseProxy:Clusters:shop:Destinations:a:Address={service.Url}");

        Assert.Equal(200, await StatusAsync(gateway, Post("/orders/1", 1000)));
        Assert.Equal(413, await StatusAsync(gateway, Post("/orders/1", 2_000_000)));
        Assert.Equal(413, await StatusAsync(gateway, Post("/other", 9_000_000)));
        Assert.Equal(414, await StatusAsync(gateway, Get("/catalogue/" + new string('x', 9000))));
        Assert.Equal(431, await StatusAsync(gateway, Get("/catalogue/1", "X-Large: " + new string('x', 40_000))));
        Assert.Equal(431, await StatusAsync(gateway,
            Get("/catalogue/1", [.. Enumerable.Range(0, 120).Select(i => string.Create(CultureInfo.InvariantCulture, $"X-{i}: 1"))])));
        Assert.Equal(200, await StatusAsync(gateway, Get("/catalogue/1", "X-Forwarded-For: 192.0.2.1")));
        Assert.Equal("127.0.0.1", service.Seen.Last()["X-Forwarded-For"]);
    }

    private static string PathOf(string file) => Path.Combine(AppContext.BaseDirectory, "config", file);

    private static string Get(string target, params string[] headers) =>
        $"GET {target} HTTP/1.1\r\nHost: x\r\n{string.Concat(headers.Select(line => line + "\r\n"))}\r\n";

    private static string Post(string target, int length) =>
        $"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{new string('x', Math.Min(length, 1000))}";

    private static async Task<int> StatusAsync(GatewayHost gateway, string request)
    {
        using var client = await Wire.ConnectAsync(gateway.Public);
        await client.WriteAsync(request);
        return (await client.ReadHeadAsync())!.Status;
    }
}
