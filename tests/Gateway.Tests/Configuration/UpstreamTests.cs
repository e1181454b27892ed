using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Configuration;

/// <summary>A gateway that is started with <c>--upstream</c>: what it says, and which <c>Host</c> the service gets.</summary>
public sealed class UpstreamTests
{
    [Theory]
    [InlineData("original", "shop.example")]
    [InlineData("destination", null)]
    public async Task Host_IsThatOfTheClientOrOfTheDestination(string option, string? host)
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync(context.Request.Host.Value!));
        await using var gateway = await GatewayHost.StartAsync(service.Url, $"upstream-host={option}");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Host = "shop.example";
        using var answer = await gateway.Client.SendAsync(request);
        Assert.Equal(host ?? new Uri(service.Url).Authority, await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Banner_NamesVersion_DashboardAndHost()
    {
        await using var gateway = await GatewayProcess.StartAsync("http://127.0.0.1:1");
        await Eventually.TrueAsync(() => Task.FromResult(gateway.Output.Contains("route", StringComparison.Ordinal)),
            "the banner is printed");
        Assert.Contains("Durable Gateway 0.", gateway.Output, StringComparison.Ordinal);
        Assert.Contains($"dashboard  {gateway.Control}", gateway.Output, StringComparison.Ordinal);
        Assert.Contains("http://127.0.0.1:1, Host: the client's", gateway.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ServiceThatDoesNotKnowTheHost_IsHintedAtOnce()
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            context.Response.StatusCode = 404;
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url);
        for (var i = 0; i < 12; i++) (await gateway.Client.GetAsync($"/{i}")).Dispose();
        const string Hint = "--upstream-host destination";
        await Eventually.TrueAsync(() => Task.FromResult(gateway.Output.Contains(Hint, StringComparison.Ordinal)), "the hint is logged");
        Assert.Equal(2, gateway.Output.Split(Hint).Length);
    }

    [Fact]
    public async Task ServiceThatAnswersOtherwise_IsNotHintedAt()
    {
        await using var service = await TestService.StartAsync((context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 200 : 404;
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url);
        for (var i = 0; i < 12; i++) (await gateway.Client.GetAsync($"/{i}")).Dispose();
        Assert.DoesNotContain("--upstream-host", gateway.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_IsPrinted()
    {
        var (status, said) = await GatewayProcess.RunAsync("--version");
        Assert.Equal(0, status);
        Assert.StartsWith("Durable Gateway 0.", said, StringComparison.Ordinal);
    }
}
