using System.Net;
using DotNet.Testcontainers.Builders;
using DurableGateway.Tests.Support;
using Testcontainers.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>Runs on servers that are not installed on this machine. The tests need a Docker engine.</summary>
public sealed class ContainerTests
{
    [Theory]
    [InlineData("redis:8")]
    [InlineData("valkey/valkey:8")]
    public async Task ServerOfAnImage_BringsRunsHome(string image)
    {
        await using var server = await StartAsync(image);
        await using var world = await World.StartAsync($"Durable:Store:ConnectionString={server.GetConnectionString()}");
        var attempt = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("paid", "\"once\"")).Status);
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        var replayed = await world.NextAttemptAsync();
        Assert.Contains("\"paid\"", replayed.Request["Durable-Steps"], StringComparison.Ordinal);
        replayed.Answer(200, "home");
        Assert.Equal("home", await world.Gateway.Follower.GetStringAsync(redirect.Headers.Location));
    }

    private static async Task<RedisContainer> StartAsync(string image)
    {
        try
        {
            var server = new RedisBuilder(image).Build();
            await server.StartAsync();
            return server;
        }
        catch (DockerUnavailableException e)
        {
            var required = Environment.GetEnvironmentVariable("DURABLE_TESTS_REQUIRE") ?? "";
            Assert.False(required.Contains("docker", StringComparison.OrdinalIgnoreCase),
                $"DURABLE_TESTS_REQUIRE names docker, but {e.Message}");
            Assert.Skip("No Docker engine answers on this machine.");
            throw;
        }
    }
}
