using System.Globalization;
using System.Text.Json;
using DurableGateway.Configuration;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Configuration;

/// <summary>What the gateway writes, and what of it can be set.</summary>
public sealed class LogSettingsTests
{
    [Theory]
    [InlineData("Logging:LogLevel:Default", "Verbose", "Warning")]
    [InlineData("Logging:Console:LogLevel:Yarp", "Loud", "Warning")]
    [InlineData("Logging:Console:FormatterName", "jsn", "json")]
    [InlineData("Kestrel:Endpoints:Http:Url", "http://*:9000", "Durable:Listeners:Public")]
    public async Task WrongSetting_IsAMessage_AndNoStack(string key, string value, string remedy)
    {
        var (status, said) = await GatewayProcess.RunAsync("--upstream", "http://127.0.0.1:1", $"--{key}={value}");
        Assert.Equal(2, status);
        Assert.Contains(key.StartsWith("Kestrel", StringComparison.Ordinal) ? "Kestrel:Endpoints" : key, said, StringComparison.Ordinal);
        Assert.Contains(remedy, said, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Debug")]
    [InlineData("information")]
    [InlineData("None")]
    public void LevelThatIsOne_IsTaken(string level) => GatewayConfiguration.Read(
        new ConfigurationBuilder().AddInMemoryCollection([new("Logging:LogLevel:DurableGateway", level),
            new("Logging:Console:FormatterName", "json")]).Build());

    [Fact]
    public async Task JsonLines_HaveDateAndZone()
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("ok"));
        await using var gateway = await GatewayProcess.StartAsync(service.Url,
            "Logging:Console:FormatterName=json", "Durable:AccessLog=true");
        (await gateway.Client.GetAsync("/a")).Dispose();
        var line = await LineAsync(gateway, "/a");
        var entry = JsonDocument.Parse(line).RootElement;
        var stamp = entry.GetProperty("Timestamp").GetString()!;
        Assert.EndsWith("Z", stamp, StringComparison.Ordinal);
        var written = DateTimeOffset.Parse(stamp, CultureInfo.InvariantCulture);
        Assert.InRange(written, TimeProvider.System.GetUtcNow().AddMinutes(-5), TimeProvider.System.GetUtcNow().AddMinutes(1));
        Assert.Equal(140, entry.GetProperty("EventId").GetInt32());
        Assert.Equal("/a", entry.GetProperty("State").GetProperty("Path").GetString());
    }

    [Fact]
    public async Task AccessLog_HasALineForEachRequest_AndNoCapability()
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            context.Response.StatusCode = 418;
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url, "Durable:AccessLog=true");
        (await gateway.Client.PostAsync("/orders/7?token=secret", null)).Dispose();
        var line = await LineAsync(gateway, "/orders/7");
        Assert.Contains("POST /orders/7 418 ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", gateway.Output, StringComparison.Ordinal);

        (await gateway.Client.PostAsync("/_durable/v1/callbacks/capability-of-a-step", null)).Dispose();
        await LineAsync(gateway, "/_durable/v1/callbacks/…");
        Assert.DoesNotContain("capability", gateway.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AccessLog_IsOffByDefault()
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("ok"));
        await using var gateway = await GatewayProcess.StartAsync(service.Url);
        (await gateway.Client.GetAsync("/quiet")).Dispose();
        Assert.DoesNotContain("/quiet", gateway.Output, StringComparison.Ordinal);
    }

    private static async Task<string> LineAsync(GatewayProcess gateway, string part)
    {
        string? found = null;
        await Eventually.TrueAsync(() =>
        {
            found = gateway.Output.Split(Environment.NewLine).FirstOrDefault(line =>
                line.Contains(part, StringComparison.Ordinal) && !line.Contains("route  ", StringComparison.Ordinal));
            return Task.FromResult(found is not null);
        }, $"a line with {part} is logged");
        return found!;
    }
}
