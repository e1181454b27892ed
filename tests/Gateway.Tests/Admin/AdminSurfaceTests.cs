using System.Net;
using System.Text.Json;
using DurableGateway.Cli;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Admin;

public sealed class EmbeddedAdminSurfaceTests : AdminSurfaceTests<OnEmbedded>;

public sealed class RedisAdminSurfaceTests : AdminSurfaceTests<OnRedis>;

/// <summary>What the admin API shows, to whom, and what is said of it: masking, keys, its description, the command line.</summary>
public abstract class AdminSurfaceTests<TStore> where TStore : IStoreChoice
{
    private const string Key = "a-key-of-operators";

    [Fact]
    public async Task Secrets_AreMasked_InHeadersAndBodies()
    {
        await using var world = await World.StartAsync<TStore>(
            World.RetryMuchLater, "Durable:Admin:Mask:Headers:0=X-Secret", "Durable:Admin:Mask:JsonPaths:0=cards.*.number");
        var attempt = await world.BeginAsync(("Authorization", "Bearer hush"), ("Cookie", "a=hush"),
            ("X-Secret", "hush"), ("X-Open", "shown"));
        const string Json = """{"cards":[{"number":"hush","name":"shown"}]}""";
        await attempt.PutAsync("pay", Json);
        attempt.Answer(200, Json, ("Content-Type", "application/json"), ("Set-Cookie", "b=hush"));
        using var answer = await world.LiveAnswerAsync();
        Assert.Equal(Json, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));

        foreach (var path in new[] { "", "/request/body", "/response/body", "/steps/pay/body" })
        {
            var shown = await world.CallAsync(HttpMethod.Get, $"runs/{attempt.RunId}{path}");
            Assert.Equal(HttpStatusCode.OK, shown.Status);
            Assert.DoesNotContain("hush", shown.Text, StringComparison.Ordinal);
            if (path != "/request/body") Assert.Contains("shown", shown.Text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("127.0.0.1", "cross-site", 403)]
    [InlineData("localhost", "same-site", 403)]
    [InlineData("rebound.example", null, 403)]
    [InlineData("rebound.example", "same-origin", 403)]
    [InlineData("gateway.localhost", "same-origin", 200)]
    [InlineData("[::1]", null, 200)]
    public async Task PageOfAnotherSite_IsRefused_WhereThereAreNoKeys(string host, string? site, int status)
    {
        await using var world = await World.StartAsync<TStore>();
        using var http = new HttpClient();
        using var call = new HttpRequestMessage(HttpMethod.Get, new Uri(world.Gateway.Control, "/_durable/v1/admin/runs"));
        call.Headers.Host = host;
        if (site is not null) call.Headers.Add("Sec-Fetch-Site", site);
        using var answer = await http.SendAsync(call, TestContext.Current.CancellationToken);
        Assert.Equal(status, (int)answer.StatusCode);
    }

    [Fact]
    public async Task WithKeys_OnlyTheyOpen_AndTheirNameIsInTheHistory()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, $"Durable:Admin:ApiKeys:0={Key}");
        var id = await world.ParkedRunAsync();
        foreach (var path in new[] { "runs", $"runs/{id}", "overview", "routes", "openapi.json" })
        {
            (await world.CallAsync(HttpMethod.Get, path)).AssertProblem(HttpStatusCode.Unauthorized, "api-key-required");
            Assert.Equal(HttpStatusCode.OK, (await world.CallAsync(HttpMethod.Get, path, key: Key)).Status);
        }

        (await world.CallAsync(HttpMethod.Post, $"runs/{id}/cancel", key: "wrong")).AssertProblem(HttpStatusCode.Unauthorized,
            "api-key-required");
        Assert.Equal(HttpStatusCode.OK, (await world.CallAsync(HttpMethod.Post, $"runs/{id}/pause", key: Key)).Status);
        var name = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Key)))[..8];
        Assert.Contains($"pause by {name}", (await world.CallAsync(HttpMethod.Get, $"runs/{id}", key: Key)).Text, StringComparison.Ordinal);

        using var outside = await world.Gateway.Client.GetAsync("/_durable/v1/admin/runs", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, outside.StatusCode);
        Assert.Equal((0, true), await RunAsync(world, "--key", Key, "list"));
        Assert.Equal((1, false), await RunAsync(world, "list"));
    }

    [Fact]
    public async Task Description_NamesEveryEndpoint_AndNoOther()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var document = await world.GetJsonAsync("openapi.json");
        var described = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(operation => $"{operation.Name.ToUpperInvariant()} {path.Name}"))
            .Order();
        var served = world.Gateway.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => (endpoint.RoutePattern.RawText ?? "").Contains("/_durable/v1/admin/", StringComparison.Ordinal)
                && !endpoint.RoutePattern.RawText!.Contains("documentName", StringComparison.Ordinal))
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods
                .Select(method => $"{method} {endpoint.RoutePattern.RawText}")).Order();
        Assert.Equal(served, described);

        var id = await world.ParkedRunAsync();
        foreach (var (path, schema) in new[] { ($"runs/{id}", "RunDetailJson"),
            ("runs?limit=5", "RunPageJson"), ("overview", "OverviewJson") })
            Fits(await world.GetJsonAsync(path), Schema(document, schema), document, path);
    }

    [Fact]
    public async Task CommandLine_ListsShowsRetriesAndCancels_AndSaysPlainlyWhatIsWrong()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var id = await world.ParkedRunAsync();
        Assert.Contains(id, (await SayAsync(world, "list", "--search", id)).Text, StringComparison.Ordinal);
        Assert.Contains("status 503", (await SayAsync(world, "show", id)).Text, StringComparison.Ordinal);
        Assert.Equal(id, JsonDocument.Parse((await SayAsync(world, "show", id, "--json")).Text).RootElement.GetProperty("run")
            .GetProperty("id").GetString());
        Assert.Equal(0, (await SayAsync(world, "retry", id)).Status);
        (await world.NextAttemptAsync()).Answer(503);
        Assert.Equal(0, (await SayAsync(world, "cancel", id)).Status);
        var refused = await SayAsync(world, "retry", id);
        Assert.Equal(1, refused.Status);
        Assert.Contains("cancelled", refused.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await SayAsync(world, "explode")).Status);
        Assert.Contains("is empty", (await SayAsync(world, "show", "")).Error, StringComparison.Ordinal);
        using var error = new StringWriter();
        Assert.Equal(1, await RunsCommand.RunAsync(["runs", "list", "--url", $"http://127.0.0.1:{Support.FreePort.Next()}"],
            TextWriter.Null, error));
        Assert.Contains("does not answer", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(2, await RunsCommand.RunAsync(["runs", "list", "--url", "nowhere"], TextWriter.Null, error));
    }

    [Fact]
    public async Task CommandLine_DoesWhatTheDashboardDoes_ToTheRunThatAPrefixNames()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("a");
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        var id = attempt.RunId;
        Assert.Contains(id, (await SayAsync(world, "list", "--search", id[..23])).Text, StringComparison.Ordinal);
        Assert.Contains(id, (await SayAsync(world, "show", id[..23])).Text, StringComparison.Ordinal);
        Assert.Equal(0, (await SayAsync(world, "pause", id[..28])).Status);
        Assert.Contains("paused", (await SayAsync(world, "show", id)).Text, StringComparison.Ordinal);
        Assert.Equal(0, (await SayAsync(world, "resume", id)).Status);
        (await world.NextAttemptAsync()).Answer(200);
        await Support.Eventually.TrueAsync(
            async () => (await SayAsync(world, "show", id)).Text.Contains("completed", StringComparison.Ordinal), "the run completes");

        var again = await SayAsync(world, "again", id);
        var copy = await world.NextAttemptAsync();
        Assert.Contains(copy.RunId, again.Text, StringComparison.Ordinal);
        copy.Answer(200);
        Assert.Equal(0, (await SayAsync(world, "from-step", id, "a")).Status);
        var revised = await world.NextAttemptAsync();
        Assert.Equal(id, revised.RunId);
        revised.Answer(200);
        Assert.Equal(2, (await SayAsync(world, "from-step", id)).Status);

        var none = await SayAsync(world, "show", "00000000-0000");
        Assert.Equal(1, none.Status);
        Assert.Contains("begins with 00000000-0000", none.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CommandLine_ListsTheRunsThatAPrefixIsAmbiguousFor()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        string[] ids = [await world.ParkedRunAsync(), await world.ParkedRunAsync()];
        var common = string.Concat(ids[0].Zip(ids[1]).TakeWhile(pair => pair.First == pair.Second).Select(pair => pair.First));
        Assert.True(common.Length >= 8, "The two began within a minute.");
        var ambiguous = await SayAsync(world, "cancel", common);
        Assert.Equal(1, ambiguous.Status);
        Assert.All(ids, id => Assert.Contains(id, ambiguous.Error, StringComparison.Ordinal));
    }

    private static async Task<(int Status, bool Quiet)> RunAsync(World world, params string[] args)
    {
        var (status, _, error) = await SayAsync(world, args);
        return (status, error.Length == 0);
    }

    private static async Task<(int Status, string Text, string Error)> SayAsync(World world, params string[] args)
    {
        using StringWriter output = new(), error = new();
        var status = await RunsCommand.RunAsync(["runs", .. args, "--url", world.Gateway.Control.ToString()], output, error);
        return (status, output.ToString(), error.ToString());
    }

    private static JsonElement Schema(JsonElement document, string name) =>
        document.GetProperty("components").GetProperty("schemas").GetProperty(name);

    /// <summary>All that is required is there, and all that is there is described.</summary>
    private static void Fits(JsonElement value, JsonElement schema, JsonElement document, string where)
    {
        if (schema.TryGetProperty("$ref", out var reference)) schema = Schema(document, reference.GetString()!.Split('/')[^1]);
        if (value.ValueKind == JsonValueKind.Array && schema.TryGetProperty("items", out var items))
        {
            foreach (var item in value.EnumerateArray()) Fits(item, items, document, where + "[]");
        }

        if (value.ValueKind != JsonValueKind.Object || !schema.TryGetProperty("properties", out var properties)) return;
        if (schema.TryGetProperty("required", out var required))
        {
            foreach (var name in required.EnumerateArray())
                Assert.True(value.TryGetProperty(name.GetString()!, out _), $"{where} lacks {name}.");
        }

        foreach (var member in value.EnumerateObject())
        {
            Assert.True(properties.TryGetProperty(member.Name, out var described), $"{where}.{member.Name} is not described.");
            Fits(member.Value, described, document, $"{where}.{member.Name}");
        }
    }
}
