using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using DurableGateway.Configuration;
using DurableGateway.Replay;
using DurableGateway.Tests.Support;
using Yarp.ReverseProxy;

namespace DurableGateway.Tests.Configuration;

/// <summary>
/// A file that changes while the gateway runs is taken as a whole or not at all; runs keep their policy and follow their route.
/// </summary>
public sealed class ReloadTests
{
    private const int Refused = 131;
    private const int Taken = 133;
    private const int RestartNeeded = 134;

    [Fact]
    public async Task PoliciesAndRoutes_FollowTheFile()
    {
        await using var scene = await Scene.StartAsync();
        Assert.Equal(HttpStatusCode.SeeOther, await scene.StatusAsync("/orders/503"));

        await scene.ChangeAsync(file =>
        {
            Policy(file)["Retry"]!["Statuses"] = "500";
            Routes(file)["more"] = JsonNode.Parse(
                """{ "ClusterId": "a", "Match": { "Path": "/more/{**rest}" }, "Transforms": [ { "PathSet": "/200" } ] }""");
        });

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await scene.StatusAsync("/orders/503"));
        Assert.Equal(HttpStatusCode.OK, await scene.StatusAsync("/more/1"));
        Assert.Equal(LogLevel.Information, Assert.Single(scene.Log.Of(Taken)).Level);
    }

    [Fact]
    public async Task NoRequestIsDropped_WhileTheFileChanges()
    {
        await using var scene = await Scene.StartAsync();
        using var over = new CancellationTokenSource();
        var statuses = new ConcurrentDictionary<HttpStatusCode, int>();
        var load = Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            while (!over.IsCancellationRequested) statuses.AddOrUpdate(await scene.StatusAsync("/orders/200"), 1, (_, count) => count + 1);
        }));

        // With another policy, to another cluster, at another path: each change replaces the route's endpoint.
        for (var i = 0; i < 5; i++)
        {
            var version = i;
            await scene.ChangeAsync(file =>
            {
                file["Durable"]!["Policies"]!.AsObject().Clear();
                file["Durable"]!["Policies"]![$"v{version}"] = new JsonObject();
                Routes(file)["orders"]!["Metadata"]!["Durable.Policy"] = $"v{version}";
                Routes(file)["orders"]!["ClusterId"] = version % 2 == 0 ? "b" : "a";
                Routes(file)["orders"]!["Order"] = -version;
            });
        }

        await over.CancelAsync();
        await load;
        Assert.Equal(HttpStatusCode.OK, Assert.Single(statuses).Key);
        Assert.Contains(scene.B.Seen, request => request.Target == "/orders/200");
        Assert.All(scene.A.Seen.Concat(scene.B.Seen), request => Assert.NotNull(request["Durable-Run-Id"]));
    }

    [Fact]
    public async Task RequestInFlight_IsAnswered_AndFailsUnderThePolicyItStartedWith()
    {
        await using var scene = await Scene.StartAsync();
        var live = scene.Gateway.Client.GetAsync("/orders/hold");
        await scene.Arrived.WaitAsync(World.Patience);

        // Under the new policy 503 is an answer like any other.
        await scene.ChangeAsync(file => Policy(file)["Retry"]!["Statuses"] = "500");
        scene.Answer.SetResult(503);

        using var redirect = await live;
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
    }

    [Fact]
    public async Task ParkedRun_KeepsItsPolicy_AndGoesByTheRouteAsItIsNow()
    {
        await using var scene = await Scene.StartAsync();
        var result = await scene.ParkAsync("/orders/503");

        // By the new policy the replay's 503 would be the result, and completed; by the run's it is its last failure.
        await scene.ChangeAsync(file =>
        {
            Policy(file)["Retry"]!["Statuses"] = "500";
            Routes(file)["orders"]!["ClusterId"] = "b";
        });
        var detail = await scene.RetryAsync(result, "failed");

        Assert.Equal("/orders/503", Assert.Single(scene.B.Seen).Target);
        Assert.Equal("orders", detail.GetProperty("policy").GetString());
        using var answer = await scene.Gateway.Client.GetAsync(result);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
    }

    [Fact]
    public async Task ParkedRun_WhoseRouteBecamePlain_GoesOnAsARun()
    {
        await using var scene = await Scene.StartAsync();
        var result = await scene.ParkAsync("/orders/once");
        await scene.ChangeAsync(file => Routes(file)["orders"]!.AsObject().Remove("Metadata"));
        await scene.RetryAsync(result, "completed");
        Assert.Equal("2", scene.A.Seen.Last()["Durable-Attempt"]);
    }

    [Fact]
    public async Task RemovedRoute_FailsItsParkedRuns_AndSaysWhich()
    {
        await using var scene = await Scene.StartAsync();
        var result = await scene.ParkAsync("/orders/once");
        await scene.ChangeAsync(file => Routes(file).Remove("orders"));
        await scene.RetryAsync(result, "failed");

        using var answer = await scene.Gateway.Client.GetAsync(result);
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal("/_durable/problems/route-gone", problem.GetProperty("type").GetString());
        Assert.Contains("'orders'", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Contains("Durable.RenamedFrom", Assert.Single(scene.Log.Of(118)).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("orders")]
    [InlineData("older, ORDERS")]
    public async Task RenamedRoute_TakesOverTheRuns(string former)
    {
        await using var scene = await Scene.StartAsync();
        var result = await scene.ParkAsync("/orders/once");
        await scene.ChangeAsync(file =>
        {
            Routes(file).Remove("orders");
            Routes(file)["purchases"] = JsonNode.Parse($$"""
                { "ClusterId": "b", "Match": { "Path": "/purchases/{**rest}" },
                  "Metadata": { "Durable.Policy": "orders", "Durable.RenamedFrom": "{{former}}" } }
                """);
        });
        await scene.RetryAsync(result, "completed");
        Assert.Equal("/orders/once", Assert.Single(scene.B.Seen).Target);
        using var answer = await scene.Gateway.Client.GetAsync(result);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task RenamedRoute_KeepsThePaceOfItsCluster_ForTheRunsOfItsFormerName()
    {
        await using var scene = await Scene.StartAsync();
        await scene.ChangeAsync(file =>
        {
            Routes(file).Remove("orders");
            Routes(file)["purchases"] = JsonNode.Parse("""
                { "ClusterId": "b", "Match": { "Path": "/purchases/{**rest}" },
                  "Metadata": { "Durable.Policy": "orders", "Durable.RenamedFrom": "orders" } }
                """);
        });
        var slots = scene.Gateway.Services.GetRequiredService<ReplaySlots>();
        Assert.Equal("b", slots.ClusterOf("Orders"));
        for (var i = 0; i < ClusterChecks.DefaultMaxReplays; i++) Assert.True(slots.TryTake("b"));
        Assert.Equal(["orders", "purchases"], slots.FullRoutes().Order());
    }

    [Fact]
    public async Task FileWithErrors_IsRefusedAsAWhole_AndEachKeyIsNamed()
    {
        await using var scene = await Scene.StartAsync();
        await scene.RefuseAsync(file =>
        {
            Policy(file)["Retry"]!["Statuses"] = "500";
            Policy(file)["HoldClientFor"] = "5";
            Routes(file)["orders"]!["ClusterId"] = "b";
            Routes(file)["catalogue"]!["Match"]!["Path"] = "/{a";
            Routes(file)["catalogue"]!["Metadata"] = new JsonObject { ["Durable.Policy"] = "ordrs" };
        });
        var (level, text) = Assert.Single(scene.Log.Of(Refused));
        Assert.Equal(LogLevel.Error, level);
        foreach (var key in new[] { "Durable:Policies:orders:HoldClientFor", "ReverseProxy:Routes:catalogue:Match:Path",
            "ReverseProxy:Routes:catalogue:Metadata:Durable.Policy" })
            Assert.Contains(key, text, StringComparison.Ordinal);
        await AssertUnchangedAsync(scene);

        // Policies without error do not come without their routes.
        await scene.RefuseAsync(file =>
        {
            Policy(file)["Retry"]!["Statuses"] = "500";
            Routes(file)["orders"]!["Order"] = "first";
        });
        await AssertUnchangedAsync(scene);

        await scene.ChangeAsync(file => Policy(file)["Retry"]!["Statuses"] = "500");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await scene.StatusAsync("/orders/503"));
    }

    [Fact]
    public async Task FileThatIsNoJsonOrGone_ChangesNothing()
    {
        await using var scene = await Scene.StartAsync();
        await scene.RefuseAsync("{ \"ReverseProxy\": {\n  \"Routes\" oops\n} }");
        Assert.Contains("line 2", Assert.Single(scene.Log.Of(Refused)).Text, StringComparison.Ordinal);
        await AssertUnchangedAsync(scene);

        await scene.RefuseAsync("{}");
        await AssertUnchangedAsync(scene);

        await scene.RefuseAsync((string?)null);
        Assert.Contains("does not exist", scene.Log.Of(Refused)[^1].Text, StringComparison.Ordinal);
        await AssertUnchangedAsync(scene);

        await scene.ChangeAsync(file => Policy(file)["Retry"]!["Statuses"] = "500");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await scene.StatusAsync("/orders/503"));
    }

    [Fact]
    public async Task SettingsOfTheProcess_AreSaidToNeedARestart()
    {
        await using var scene = await Scene.StartAsync();
        await scene.ChangeAsync(file =>
        {
            file["Durable"]!["Lease"] = "00:00:20";
            file["Durable"]!["Admin"] = new JsonObject { ["ApiKeys"] = new JsonArray("hunter2-hunter2") };
            file["Durable"]!["Policies"]!["another"] = new JsonObject { ["Persist"] = "OnStart" };
        });
        await Eventually.TrueAsync(() => scene.Log.Of(RestartNeeded).Count > 0, "it is said after the change is taken");
        var (level, text) = Assert.Single(scene.Log.Of(RestartNeeded));
        Assert.Equal(LogLevel.Warning, level);
        Assert.EndsWith(": Durable:Admin:ApiKeys:0, Durable:Lease", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LogLevelThatIsNone_IsRefused_AndTheGatewayGoesOn()
    {
        await using var scene = await Scene.StartAsync();
        await scene.RefuseAsync(file => file["Logging"] = JsonNode.Parse("""{ "LogLevel": { "Default": "Verbose" } }"""));
        Assert.Contains("Logging:LogLevel:Default: 'Verbose'", scene.Log.Of(Refused)[^1].Text, StringComparison.Ordinal);
        await AssertUnchangedAsync(scene);
        await scene.ChangeAsync(file => Policy(file)["Retry"]!["Statuses"] = "500");
    }

    private static async Task AssertUnchangedAsync(Scene scene)
    {
        Assert.Equal(HttpStatusCode.SeeOther, await scene.StatusAsync("/orders/503"));
        Assert.Equal(HttpStatusCode.OK, await scene.StatusAsync("/catalogue/200"));
        Assert.Empty(scene.B.Seen);
        Assert.Empty(scene.Log.Of(Taken));
    }

    private static JsonObject Policy(JsonNode file) => file["Durable"]!["Policies"]!["orders"]!.AsObject();

    private static JsonObject Routes(JsonNode file) => file["ReverseProxy"]!["Routes"]!.AsObject();

    /// <summary>A gateway with a file that changes, in front of two services; a retry comes when the test asks for it.</summary>
    private sealed class Scene : IAsyncDisposable
    {
        private readonly string _directory = Directory.CreateTempSubdirectory("durable-gateway-").FullName;
        private readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly HttpClient _control = new();
        private JsonNode _file = new JsonObject();

        public TestService A { get; private set; } = null!;
        public TestService B { get; private set; } = null!;
        public GatewayHost Gateway { get; private set; } = null!;
        public LogSink Log { get; } = new();

        /// <summary>Completes with a request that is held.</summary>
        public Task Arrived => _arrived.Task;

        /// <summary>The status of requests that are held.</summary>
        public TaskCompletionSource<int> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private string PathOfFile => Path.Combine(_directory, "gateway.json");

        public static async Task<Scene> StartAsync()
        {
            var scene = new Scene();
            scene.A = await TestService.StartAsync(scene.HandleAsync);
            scene.B = await TestService.StartAsync((context, _) => scene.HandleAsync(context, 2));
            scene._file = JsonNode.Parse($$"""
                {
                  "Durable": { "Policies": { "orders": {
                    "Retry": { "MaxAttempts": 2, "Delay": "00:10:00", "MaxDelay": "00:10:00", "Statuses": "503" } } } },
                  "ReverseProxy": {
                    "Routes": {
                      "orders": { "ClusterId": "a", "Match": { "Path": "/orders/{**rest}" }, "Metadata": { "Durable.Policy": "orders" } },
                      "catalogue": { "ClusterId": "a", "Match": { "Path": "/catalogue/{**rest}" } }
                    },
                    "Clusters": {
                      "a": { "Destinations": { "service": { "Address": "{{scene.A.Url}}" } } },
                      "b": { "Destinations": { "service": { "Address": "{{scene.B.Url}}" } } }
                    }
                  }
                }
                """)!;
            await File.WriteAllTextAsync(scene.PathOfFile, scene._file.ToJsonString());
            scene.Gateway = await GatewayHost.StartAsync(scene.A.Url,
                builder => builder.Logging.AddProvider(scene.Log).SetMinimumLevel(LogLevel.Information), "config=" + scene.PathOfFile);
            return scene;
        }

        /// <summary>Changes the file; completes when YARP's routes are those of the file.</summary>
        public async Task ChangeAsync(Action<JsonNode> change)
        {
            var taken = Log.Of(Taken).Count;
            change(_file);
            Save(_file.ToJsonString());
            await Eventually.TrueAsync(() => Log.Of(Taken).Count > taken, "the change is taken");
            var proxy = Gateway.Services.GetRequiredService<IProxyStateLookup>();
            var wanted = Routes(_file).Select(route =>
                (route.Key, (string?)route.Value!["ClusterId"], (int?)route.Value["Order"],
                    (string?)route.Value["Metadata"]?["Durable.Policy"]));
            await Eventually.TrueAsync(() => wanted.ToHashSet().SetEquals(proxy.GetRoutes()
                .Where(route => route.Config.RouteId != "upstream")
                .Select(route => (route.Config.RouteId, route.Config.ClusterId, route.Config.Order,
                    route.Config.Metadata?.GetValueOrDefault("Durable.Policy")))),
                "the routes are those of the file");
        }

        /// <summary>Changes the file in a way that is not taken.</summary>
        public Task RefuseAsync(Action<JsonNode> change)
        {
            var wrong = _file.DeepClone();
            change(wrong);
            return RefuseAsync(wrong.ToJsonString());
        }

        public async Task RefuseAsync(string? text)
        {
            var refused = Log.Of(Refused).Count;
            if (text is null) File.Delete(PathOfFile);
            else Save(text);
            await Eventually.TrueAsync(() => Log.Of(Refused).Count > refused, "the change is refused");
        }

        public async Task<HttpStatusCode> StatusAsync(string path)
        {
            using var answer = await Gateway.Client.GetAsync(path);
            return answer.StatusCode;
        }

        /// <summary>Sends a request that fails, and answers the URL of its result.</summary>
        public async Task<string> ParkAsync(string path)
        {
            using var redirect = await Gateway.Client.GetAsync(path);
            Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
            return redirect.Headers.Location!.OriginalString;
        }

        /// <summary>Has the run tried again now; answers what the admin API says of it when it is in the state.</summary>
        public async Task<JsonElement> RetryAsync(string result, string state)
        {
            var run = new Uri(Gateway.Public, result).Segments[^1];
            using var retry = await _control.PostAsync(new Uri(Gateway.Control, $"/_durable/v1/admin/runs/{run}/retry"), null);
            Assert.Equal(HttpStatusCode.OK, retry.StatusCode);
            JsonElement detail = default;
            await Eventually.TrueAsync(async () =>
            {
                detail = JsonDocument.Parse(await _control.GetStringAsync(new Uri(Gateway.Control,
                    $"/_durable/v1/admin/runs/{run}"))).RootElement;
                return detail.GetProperty("run").GetProperty("state").GetString() == state;
            }, $"the run is {state}");
            return detail;
        }

        public async ValueTask DisposeAsync()
        {
            Answer.TrySetResult(200);
            _control.Dispose();
            await Gateway.DisposeAsync();
            await A.DisposeAsync();
            await B.DisposeAsync();
            Directory.Delete(_directory, recursive: true);
        }

        private void Save(string text)
        {
            // As careful editors do: nobody sees half a file.
            var next = PathOfFile + ".next";
            File.WriteAllText(next, text);
            File.Move(next, PathOfFile, overwrite: true);
        }

        /// <summary>The last segment says what is to be answered.</summary>
        private async Task HandleAsync(HttpContext context, int count)
        {
            var wanted = context.Request.Path.Value!.Split('/')[^1];
            if (wanted == "hold") _arrived.TrySetResult();
            context.Response.StatusCode = wanted switch
            {
                "hold" => await Answer.Task,
                "once" => count == 1 ? 503 : 200,
                _ => int.Parse(wanted, System.Globalization.CultureInfo.InvariantCulture),
            };
        }
    }
}
