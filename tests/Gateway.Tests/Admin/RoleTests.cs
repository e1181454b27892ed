using System.Net;
using System.Text.RegularExpressions;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Admin;

public sealed class RolesOnEmbeddedTests : RoleTests<OnEmbedded>;

public sealed class RolesOnRedisTests : RoleTests<OnRedis>;

/// <summary>Who may look, who may act, and who may send events, by the key that they have.</summary>
public abstract partial class RoleTests<TStore> where TStore : IStoreChoice
{
    private const string Operator = "operator-key-of-the-tests";
    private const string Reader = "reader-key-of-the-tests";
    private const string Sender = "sender-key-of-the-tests";

    private static readonly string[] Settings =
        [World.RetryMuchLater, "Durable:Admin:ApiKeys:0=" + Operator, "Durable:Admin:ReadOnlyApiKeys:0=" + Reader,
            "Durable:Events:ApiKeys:0=" + Sender];

    [Fact]
    public async Task Reader_SeesEverything_ButTheResultUrl()
    {
        await using var world = await World.StartAsync<TStore>(Settings);
        var id = await world.ParkedRunAsync();
        foreach (var path in new[] { "runs", $"runs/{id}", $"runs/{id}/request/body", "overview", "routes", "openapi.json" })
        {
            Assert.Equal(HttpStatusCode.OK, (await world.CallAsync(HttpMethod.Get, path, key: Reader)).Status);
            var stranger = await world.CallAsync(HttpMethod.Get, path, key: Sender);
            stranger.AssertProblem(HttpStatusCode.Unauthorized, "api-key-required");
            Assert.Equal("Bearer", stranger["WWW-Authenticate"]);
        }

        // With it they could cancel the run, and read what is masked.
        Assert.Null((await world.CallAsync(HttpMethod.Get, $"runs/{id}", key: Reader)).Json.GetProperty("resultUrl").GetString());
        Assert.NotNull((await world.CallAsync(HttpMethod.Get, $"runs/{id}", key: Operator)).Json.GetProperty("resultUrl").GetString());
    }

    [Fact]
    public async Task Reader_ChangesNothing()
    {
        await using var world = await World.StartAsync<TStore>(Settings);
        var id = await world.ParkedRunAsync();
        (HttpMethod Method, string Path, object? Body)[] calls =
        [
            .. new[] { "retry", "cancel", "pause", "resume", "again" }.Select(verb =>
                (HttpMethod.Post, $"runs/{id}/{verb}", (object?)null)),
            (HttpMethod.Delete, $"runs/{id}", null), (HttpMethod.Post, $"runs/{id}/from-step", new { step = "a" }),
            (HttpMethod.Post, $"runs/{id}/edit-step", new { step = "a" }),
            (HttpMethod.Post, "actions", new { action = "cancel", filter = new { } }), (HttpMethod.Delete, "actions/x", null),
        ];
        foreach (var (method, path, body) in calls)
            (await world.CallAsync(method, path, body, Reader)).AssertProblem(HttpStatusCode.Forbidden, "role-required");
        Assert.Equal("waiting", (await world.CallAsync(HttpMethod.Get, $"runs/{id}", key: Operator)).Json.GetProperty("run")
            .GetProperty("state").GetString());
    }

    [Fact]
    public async Task Events_AreTakenOfSendersAndOperators_AndOfRunsInTheirOwnName()
    {
        await using var world = await World.StartAsync<TStore>(Settings);
        foreach (var (key, status) in new[] { (Sender, 202), (Operator, 202), (Reader, 401), ("another", 401), (null, 401) })
            Assert.Equal(status, await SendAsync(world, key));
        var attempt = await world.BeginAsync();
        Assert.Equal(202, await SendAsync(world, null, attempt.Token, $"/_durable/v1/runs/{attempt.RunId}"));
        Assert.Equal(401, await SendAsync(world, null, attempt.Token, $"/_durable/v1/runs/{Make.RunId()}"));
        Assert.Equal(401, await SendAsync(world, null, attempt.Token, "/elsewhere"));
    }

    [Fact]
    public async Task Events_NeedTheirKey_OnLoopbackToo()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, "Durable:Events:ApiKeys:0=" + Sender);
        Assert.Equal((401, 202), (await SendAsync(world, null), await SendAsync(world, Sender)));
        Assert.Equal(HttpStatusCode.OK, (await world.CallAsync(HttpMethod.Get, "runs")).Status);
    }

    [Theory]
    [InlineData(Reader, false)]
    [InlineData(Operator, true)]
    public async Task Dashboard_OfAReader_HasNoButtons_AndTakesNoForms(string key, bool mayAct)
    {
        await using var world = await World.StartAsync<TStore>(Settings);
        var id = await world.ParkedRunAsync();
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = world.Gateway.Control };
        var token = FormToken().Match(await browser.GetStringAsync("/login")).Groups[1].Value;
        using (var login = await PostAsync(browser, "/login", ("form", token), ("key", key), ("next", "/runs")))
            Assert.Equal("/runs", login.Headers.Location!.ToString());

        var page = await browser.GetStringAsync($"/runs/{id}");
        Assert.Equal(mayAct, page.Contains("/actions\"", StringComparison.Ordinal));
        Assert.Equal(mayAct, (await browser.GetStringAsync("/events")).Contains("Send event", StringComparison.Ordinal));
        using var sent = await PostAsync(browser, "/events", ("form", token), ("type", "t"), ("data", "{}"));
        Assert.Equal(mayAct ? HttpStatusCode.SeeOther : HttpStatusCode.Forbidden, sent.StatusCode);
        using var acted = await PostAsync(browser, $"/runs/{id}/actions", ("form", token), ("action", "pause"));
        Assert.Equal(mayAct ? HttpStatusCode.SeeOther : HttpStatusCode.Forbidden, acted.StatusCode);
    }

    [Fact]
    public async Task KeyOfEvents_OpensNoDashboard()
    {
        await using var world = await World.StartAsync<TStore>(Settings);
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = world.Gateway.Control };
        var token = FormToken().Match(await browser.GetStringAsync("/login")).Groups[1].Value;
        using var login = await PostAsync(browser, "/login", ("form", token), ("key", Sender), ("next", "/runs"));
        Assert.Equal(HttpStatusCode.Forbidden, login.StatusCode);
    }

    /// <summary>Figures of routes, and no more: for whoever reaches the control listener.</summary>
    [Fact]
    public async Task MetricsAndProbes_NeedNoKey_AndTellNothingOfRuns()
    {
        await using var world = await World.StartAsync<TStore>(Settings);
        var id = await world.ParkedRunAsync();
        foreach (var path in new[] { "/metrics", "/healthz", "/readyz" })
        {
            using var answer = await world.Gateway.Client.GetAsync(new Uri(world.Gateway.Control, path));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.DoesNotContain(id, text, StringComparison.Ordinal);
            Assert.DoesNotContain(world.Path, text, StringComparison.Ordinal);
        }
    }

    private static async Task<int> SendAsync(World world, string? key, string? token = null, string source = "/tests")
    {
        using var call = new HttpRequestMessage(HttpMethod.Post, new Uri(world.Gateway.Control, "/_durable/v1/events"));
        call.Content = JsonContent.Create(new
        {
            specversion = "1.0",
            id = Guid.NewGuid().ToString(),
            source,
            type = "role.tests",
            data = 1
        }, new System.Net.Http.Headers.MediaTypeHeaderValue("application/cloudevents+json"));
        if (key is not null) call.Headers.Authorization = new("Bearer", key);
        if (token is not null) call.Headers.Add("Durable-Token", token);
        using var answer = await world.Gateway.Client.SendAsync(call).WaitAsync(World.Patience);
        return (int)answer.StatusCode;
    }

    private static Task<HttpResponseMessage> PostAsync(HttpClient browser, string path, params (string Name, string Value)[] fields) =>
        browser.PostAsync(path, new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))));

    [GeneratedRegex("name=\"form\" value=\"([^\"]+)\"")]
    private static partial Regex FormToken();
}
