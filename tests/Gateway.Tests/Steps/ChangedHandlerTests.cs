using System.Net;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Steps;

public sealed class EmbeddedChangedHandlerTests : ChangedHandlerTests<OnEmbedded>;

public sealed class RedisChangedHandlerTests : ChangedHandlerTests<OnRedis>;

/// <summary>A service is deployed again while its runs wait (§4): <c>Durable-Mismatch</c>, <c>Durable-Build</c>.</summary>
public abstract class ChangedHandlerTests<TStore> where TStore : IStoreChoice
{
    private const string Mismatch = "\"charge, old\";unused, \"nap\";stored=sleep;asked=run";

    [Fact]
    public async Task Mismatch_IsWrittenDown_AndTheRunGoesOn()
    {
        await using var world = await World.StartAsync<TStore>();
        var url = await world.ParkAsync();
        var attempt = await world.NextAttemptAsync();
        attempt.Answer(200, "done", ("Durable-Mismatch", Mismatch));
        using var answer = await world.Gateway.Follower.GetAsync(url);
        Assert.Equal("done", await answer.Content.ReadAsStringAsync());
        Assert.False(answer.Headers.Contains("Durable-Mismatch"));
        Assert.Equal(Mismatch, await NotedAsync(world, attempt));
    }

    [Fact]
    public async Task Mismatch_FailsTheRun_WhereThePolicySaysSo()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Policies:default:Mismatch=Fail");
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(200, "done", ("Durable-Mismatch", Mismatch));
        using var answer = await world.Gateway.Follower.GetAsync(url);
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal("failed", answer.Headers.GetValues("Durable-Status").Single());
        Assert.Contains("/_durable/problems/handler-mismatch", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task StoredStep_AskedForAsAnotherType_GivesItsOutcome_AndIsWrittenDown()
    {
        await using var world = await World.StartAsync<TStore>();
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("a", "7");
        var stored = await attempt.PutTypeAsync("sleep", "a", ("Durable-Step-For", "100"));
        Assert.Equal((HttpStatusCode.OK, "7"), (stored.Status, stored.Text));
        Assert.Equal("\"a\";stored=run;asked=sleep", await NotedAsync(world, attempt));
    }

    [Fact]
    public async Task PinToBuild_SendsReplaysToTheBuildWhoseStepsTheyHave()
    {
        await using var old = await ServiceAsync("1.0");
        await using var current = await ServiceAsync("2.0");
        string[] wanted =
        [
            "Durable:Policies:default:PinToBuild=true", "Durable:Policies:default:Retry:MaxAttempts=20",
            $"ReverseProxy:Clusters:upstream:Destinations:upstream:Metadata:Durable.Build=1.0",
            $"ReverseProxy:Clusters:upstream:Destinations:other:Address={current.Url}",
            "ReverseProxy:Clusters:upstream:LoadBalancingPolicy=RoundRobin",
        ];
        await using var gateway = await GatewayHost.StartAsync(old.Url, [.. wanted, .. await TStore.SettingsAsync(["PinToBuild"])]);

        // A request without stored steps may go to any destination. It tells the gateway the build of the other destination.
        for (var i = 0; i < 2; i++) await gateway.Client.GetStringAsync("/hello");
        for (var i = 0; i < 4; i++)
        {
            using var answer = await gateway.Follower.PostAsync("/pay", null).WaitAsync(World.Patience);
            var builds = (await answer.Content.ReadAsStringAsync()).Split(' ');
            Assert.Equal(builds[0], builds[1]);
        }
    }

    private static async Task<string?> NotedAsync(World world, HeldAttempt attempt)
    {
        var history = world.Gateway.Services.GetRequiredService<IRunHistory>();
        Assert.True(RunId.TryParse(attempt.RunId, out var run));
        return (await history.GetAsync(run)).SingleOrDefault(entry => entry.Kind == HistoryKind.Mismatch)?.Text;
    }

    /// <summary>Checkpoints its build, fails three times, and then returns the build of the step and its own build.</summary>
    private static Task<TestService> ServiceAsync(string build) => TestService.StartAsync(async (context, _) =>
    {
        context.Response.Headers["Durable-Build"] = $"\"{build}\"";
        if (context.Request.Method == "GET") return;
        var request = SeenRequest.Of(context, []);
        if (request["Durable-Step-Count"] is null)
        {
            using var call = HeldAttempt.Call(HttpMethod.Put, $"{request["Durable-Callback"]}/steps/build", request["Durable-Token"]);
            call.Headers.TryAddWithoutValidation("Durable-Build", $"\"{build}\"");
            call.Content = new ByteArrayContent(System.Text.Encoding.UTF8.GetBytes(build));
            await HeldAttempt.SendAsync(call);
        }

        if (request["Durable-Attempt"] is "1" or "2" or "3")
        {
            context.Response.StatusCode = 503;
            return;
        }

        var stored = request["Durable-Steps"]!.Split(':')[1];
        await context.Response.WriteAsync($"{System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(stored))} {build}");
    });
}
