using System.Diagnostics;
using System.Net;
using System.Text.Json;
using DurableGateway.Protocol;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

/// <summary>Every answer of the result URL (§5).</summary>
public sealed class ResultUrlTests
{
    private const string TwoAttempts = "Durable:Policies:default:Retry:MaxAttempts=2";

    [Fact]
    public async Task Get_OfACompletedRun_GivesTheServicesResponseByteForByte()
    {
        byte[] body = [0, 1, 255, 13, 10, 13, 10, 128];
        await using var world = await World.StartAsync();
        var url = await world.ParkAsync();
        var second = await world.NextAttemptAsync();
        second.AnswerBytes(203, body, ("Content-Type", "image/x-own; v=1"), ("Set-Cookie", "a=1"), ("X-Twice", "1"), ("Set-Cookie", "b=2"),
            ("X-Twice", "2"), ("ETag", "\"e\""), ("Location", "/elsewhere"), ("Cache-Control", "max-age=5"),
            ("Durable-Secret", "s"), ("Durable-Status", "forged"));

        using var result = await world.Gateway.Client.GetAsync(url);

        Assert.Equal(HttpStatusCode.NonAuthoritativeInformation, result.StatusCode);
        Assert.Equal(body, await result.Content.ReadAsByteArrayAsync());
        Assert.Equal(["image/x-own; v=1"], result.Content.Headers.GetValues("Content-Type"));
        Assert.Equal(["a=1; Path=/", "b=2; Path=/"], result.Headers.GetValues("Set-Cookie"));
        Assert.Equal(["1", "2"], result.Headers.GetValues("X-Twice"));
        Assert.Equal(["\"e\""], result.Headers.GetValues("ETag"));
        Assert.Equal(["/elsewhere"], result.Headers.GetValues("Location"));
        Assert.Equal(["max-age=5"], result.Headers.GetValues("Cache-Control"));
        Assert.Equal(["completed"], result.Headers.GetValues("Durable-Status"));
        Assert.Equal([second.RunId], result.Headers.GetValues("Durable-Run-Id"));
        Assert.False(result.Headers.Contains("Durable-Secret"));
    }

    [Theory]
    [InlineData(204)]
    [InlineData(304)]
    [InlineData(303)]
    [InlineData(404)]
    public async Task Get_OfACompletedRunWithAnyStatus_GivesThatStatus(int status)
    {
        await using var world = await World.StartAsync();
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(status, "", ("X-Own", "1"));

        using var result = await world.Gateway.Client.GetAsync(url);

        Assert.Equal(status, (int)result.StatusCode);
        Assert.Equal("completed", Status(result));
        Assert.Equal(["1"], result.Headers.GetValues("X-Own"));
    }

    [Fact]
    public async Task Get_OfARunThatFailedForGood_GivesTheLastResponse()
    {
        await using var world = await World.StartAsync(TwoAttempts);
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(503, "the last word", ("X-Own", "1"), ("Retry-After", "77"),
            ("Content-Type", "text/x-own"));

        using var result = await world.Gateway.Client.GetAsync(url);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, result.StatusCode);
        Assert.Equal("failed", Status(result));
        Assert.Equal("the last word", await result.Content.ReadAsStringAsync());
        Assert.Equal(["1"], result.Headers.GetValues("X-Own"));
        Assert.Equal(["77"], result.Headers.GetValues("Retry-After"));
        Assert.Equal(["text/x-own"], result.Content.Headers.GetValues("Content-Type"));
    }

    [Fact]
    public async Task Get_OfARunThatTheServiceEndedByRetryFalse_GivesThatResponse()
    {
        await using var world = await World.StartAsync();
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(500, """{"title":"no"}""", ("Durable-Retry", "?0"),
            ("Content-Type", "application/problem+json"));

        using var result = await world.Gateway.Client.GetAsync(url);

        Assert.Equal(HttpStatusCode.InternalServerError, result.StatusCode);
        Assert.Equal("failed", Status(result));
        Assert.Equal("""{"title":"no"}""", await result.Content.ReadAsStringAsync());
        Assert.False(result.Headers.Contains("Durable-Retry"));
    }

    [Fact]
    public async Task Get_OfARunWhoseServiceNeverAnswered_Gives502Problem()
    {
        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1", TwoAttempts,
            "Durable:Policies:default:Retry:UnreachableFor=00:00:00");
        using var redirect = await gateway.Client.GetAsync("/");
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);

        using var result = await gateway.Client.GetAsync(redirect.Headers.Location);

        await AssertServiceProblemAsync(result, HttpStatusCode.BadGateway, "service-unreachable");
    }

    [Fact]
    public async Task Get_OfARunWhoseAttemptsTimedOut_Gives504Problem()
    {
        await using var world = await World.StartAsync(TwoAttempts, "Durable:Policies:default:AttemptTimeout=00:00:01");
        await world.BeginAsync();
        using var redirect = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);

        using var result = await world.Gateway.Client.GetAsync(redirect.Headers.Location);

        await AssertServiceProblemAsync(result, HttpStatusCode.GatewayTimeout, "service-timeout");
    }

    [Fact]
    public async Task Get_OfARunPastRunTimeout_Gives504Problem()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:RunTimeout=00:00:03",
            "Durable:Policies:default:Retry:Delay=00:00:00.100");
        var url = await world.ParkAsync();

        // The service gets attempts in the meantime, but does not answer them.
        using var result = await world.Gateway.Client.GetAsync(url);

        await AssertServiceProblemAsync(result, HttpStatusCode.GatewayTimeout, "run-timeout");
    }

    [Fact]
    public async Task Get_OfACancelledRun_Gives410()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var url = await world.ParkAsync();
        var run = Uri.UnescapeDataString(url.Split('/')[^1].Split('?')[0]);
        Assert.True(RunId.TryParse(run, out var id));
        Assert.True(await world.Gateway.Store.CancelAsync(id, TimeSpan.FromMinutes(1)));

        using var result = await world.Gateway.Client.GetAsync(url);

        Assert.Equal(HttpStatusCode.Gone, result.StatusCode);
        Assert.Contains("/_durable/problems/run-cancelled", await result.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "&hop=1")]
    [InlineData("&hop=1", "&hop=2")]
    [InlineData("&hop=14", "&hop=15")]
    [InlineData("&hop=15", null)]
    [InlineData("&hop=16", null)]
    public async Task Get_NotYet_RedirectsToItself15TimesAndThenSays202(string hop, string? next)
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var url = await world.ParkAsync();

        using var answer = await GetAsync(world, url + hop, "wait=1");

        Assert.True(answer.Headers.CacheControl!.NoStore);
        Assert.NotEmpty(answer.Headers.GetValues("Retry-After").Single());
        if (next is null)
        {
            await AssertStateAsync(answer, "waiting");
            return;
        }

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal(url + next, answer.Headers.Location!.OriginalString);
    }

    [Theory]
    [InlineData("wait=0")]
    [InlineData("respond-async, Wait=0")]
    [InlineData("wait=\"0\"; x=1")]
    public async Task Get_NotYetWithWait0_Gives202AtOnce(string prefer)
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var url = await world.ParkAsync();
        var clock = Stopwatch.StartNew();

        using var answer = await GetAsync(world, url, prefer);

        await AssertStateAsync(answer, "waiting");
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 15);
    }

    [Fact]
    public async Task Get_WhileAnAttemptRuns_SaysRunning()
    {
        await using var world = await World.StartAsync();
        var url = await world.ParkAsync();
        await world.NextAttemptAsync();

        using var answer = await GetAsync(world, url, "wait=0");

        await AssertStateAsync(answer, "running");
    }

    [Fact]
    public async Task Get_WithWaitN_WaitsAboutThatLong()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var url = await world.ParkAsync();
        var clock = Stopwatch.StartNew();

        using var answer = await GetAsync(world, url, "wait=1");

        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.9, 15);
    }

    [Fact]
    public async Task Get_ThatWaits_IsWokenByTheEnd()
    {
        await using var world = await World.StartAsync();
        var url = await world.ParkAsync();
        var second = await world.NextAttemptAsync();
        var waiting = world.Gateway.Client.GetAsync(url);
        using (var probe = await GetAsync(world, url, "wait=0")) Assert.Equal(HttpStatusCode.Accepted, probe.StatusCode);
        Assert.False(waiting.IsCompleted);
        var clock = Stopwatch.StartNew();

        second.Answer(200, "done");
        using var result = await waiting;

        Assert.Equal("done", await result.Content.ReadAsStringAsync());
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 15);
    }

    [Fact]
    public async Task Get_OfAnEndedRun_GivesTheSameAgainAndAgain()
    {
        await using var world = await World.StartAsync();
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(200, "done");

        Assert.Equal("done", await world.Gateway.Client.GetStringAsync(url));
        Assert.Equal("done", await world.Gateway.Client.GetStringAsync(url + "&hop=7"));
        Assert.Equal("done", await world.Gateway.Client.GetStringAsync(url + "&hop=99"));
    }

    [Fact]
    public async Task Head_OfACompletedRun_GivesStatusAndHeadersWithoutBody()
    {
        await using var world = await World.StartAsync();
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(201, "done", ("X-Own", "1"), ("Content-Length", "4"));

        using var head = new HttpRequestMessage(HttpMethod.Head, url);
        using var result = await world.Gateway.Client.SendAsync(head);

        Assert.Equal(HttpStatusCode.Created, result.StatusCode);
        Assert.Equal("completed", Status(result));
        Assert.Equal(["1"], result.Headers.GetValues("X-Own"));
        Assert.Equal(4, result.Content.Headers.ContentLength);
        Assert.Empty(await result.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Get_WithWrongTokenOrNoneOrOfNoRun_Gives404Alike()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var url = await world.ParkAsync();
        var token = url.Split("token=")[1];
        var unknown = Make.RunId();
        var good = world.Gateway.Services.GetRequiredService<Tokens>().ForResult(unknown, DateTimeOffset.MaxValue.AddDays(-1));
        string[] urls =
        [
            url.Split('?')[0],
            url.Split('?')[0] + "?token=",
            url.Split('?')[0] + "?token=nonsense",
            url[..^1] + (url[^1] == 'A' ? 'B' : 'A'),
            url + "&token=" + token,
            $"/_durable/v1/results/{unknown}",
            $"/_durable/v1/results/{unknown}?token={token}",
            $"/_durable/v1/results/{unknown}?token={good}",
            $"/_durable/v1/results/nonsense?token={token}",
        ];

        var answers = new List<(HttpStatusCode, string, string)>();
        foreach (var wrong in urls)
        {
            using var answer = await world.Gateway.Client.GetAsync(wrong);
            var names = answer.Headers.Concat(answer.Content.Headers).Select(header => header.Key).Where(name => name != "Date").Order();
            answers.Add((answer.StatusCode, string.Join(' ', names), await answer.Content.ReadAsStringAsync()));
        }

        Assert.Equal(HttpStatusCode.NotFound, answers[0].Item1);
        Assert.Contains("/_durable/problems/result-unknown", answers[0].Item3, StringComparison.Ordinal);
        Assert.Single(answers.Distinct());
    }

    [Fact]
    public async Task Get_WithAnExpiredToken_Gives410()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var run = Make.RunId();
        var token = world.Gateway.Services.GetRequiredService<Tokens>().ForResult(run, Make.Start - TimeSpan.FromDays(1000));

        using var answer = await world.Gateway.Client.GetAsync($"/_durable/v1/results/{run}?token={token}");

        Assert.Equal(HttpStatusCode.Gone, answer.StatusCode);
        Assert.Contains("/_durable/problems/result-expired", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_WithTheTokenOfTheSteps_Gives404()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();

        using var answer = await world.Gateway.Client
            .GetAsync($"{redirect.Headers.Location!.OriginalString.Split('?')[0]}?token={attempt.Token}");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    private static string Status(HttpResponseMessage response) => response.Headers.GetValues("Durable-Status").Single();

    private static Task<HttpResponseMessage> GetAsync(World world, string url, string prefer)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.TryAddWithoutValidation("Prefer", prefer);
        return world.Gateway.Client.SendAsync(request);
    }

    private static async Task AssertStateAsync(HttpResponseMessage answer, string state)
    {
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal(state, Status(answer));
        Assert.NotEmpty(answer.Headers.GetValues("Retry-After").Single());
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.MediaType);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.Equal(state, json.RootElement.GetProperty("state").GetString());
        Assert.Equal(answer.Headers.GetValues("Durable-Run-Id").Single(), json.RootElement.GetProperty("runId").GetString());
        Assert.Equal("""{"completed":0,"failed":0,"pending":0}""", json.RootElement.GetProperty("steps").GetRawText());
    }

    private static async Task AssertServiceProblemAsync(HttpResponseMessage result, HttpStatusCode status, string name)
    {
        Assert.Equal(status, result.StatusCode);
        Assert.Equal("failed", Status(result));
        Assert.Equal("application/problem+json", result.Content.Headers.ContentType!.MediaType);
        using var problem = JsonDocument.Parse(await result.Content.ReadAsStringAsync());
        Assert.Equal("/_durable/problems/" + name, problem.RootElement.GetProperty("type").GetString());
        Assert.Equal("service", problem.RootElement.GetProperty("source").GetString());
        Assert.Equal(result.Headers.GetValues("Durable-Run-Id").Single(), problem.RootElement.GetProperty("runId").GetString());
    }
}
