using System.Net;
using System.Text.Json;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Admin;

public sealed class EmbeddedAdminListTests : AdminListTests<OnEmbedded>;

public sealed class RedisAdminListTests : AdminListTests<OnRedis>;

/// <summary><c>GET runs</c> of the admin API: every filter, and pages that neither repeat nor leave out.</summary>
public abstract class AdminListTests<TStore> where TStore : IStoreChoice
{
    [Fact]
    public async Task ParkedRun_IsFound_ByIdStateRouteTimeAndStep_AndNowhereElse()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        var step = $"charge-{attempt.RunId}";
        await attempt.PutAsync(step);
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        var id = attempt.RunId;

        foreach (var query in new[] { $"search={id}", "state=waiting&limit=200", "route=upstream&limit=200", "limit=200", $"step={step}",
            "state=waiting&route=upstream&limit=200", "after=2020-01-01T00:00:00Z&limit=200" })
            Assert.True((await world.IdsAsync(query)).Contains(id), $"{query} does not find it.");
        foreach (var query in new[] { $"search={id}&state=failed", "state=running&limit=200", "state=completed&route=upstream&limit=200",
            "route=none", "before=2020-01-01T00:00:00Z", $"step={step}&state=running", "search=no-such-key" })
            Assert.False((await world.IdsAsync(query)).Contains(id), $"{query} finds it.");

        var row = (await world.GetJsonAsync($"runs?search={id}")).GetProperty("runs")[0];
        Assert.Equal(("GET", world.Path, "waiting", 1, 1), (row.GetProperty("method").GetString(), row.GetProperty("path").GetString(),
            row.GetProperty("state").GetString(), row.GetProperty("attempt").GetInt32(), row.GetProperty("completedSteps").GetInt32()));
        Assert.StartsWith("status 503", row.GetProperty("lastError").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Events_AreListed_TheNewestFirst_WithWhomTheyWoke()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Events:Retention=00:10:00", World.RetryMuchLater);
        var waiting = await world.BeginAsync();
        await waiting.PutTypeAsync("wait", "settled", [("Durable-Event-Type", "payment.settled"), ("Durable-Event-Key", "42")]);
        foreach (var (id, type, subject) in new[] { ("1", "order.placed", null), ("2", "payment.settled", "42"),
            ("2", "payment.settled", "42") })
        {
            using var sent = new HttpRequestMessage(HttpMethod.Post, new Uri(world.Gateway.Control, "/_durable/v1/events"))
            {
                Content = new StringContent("{\"a\":1}")
            };
            sent.Content.Headers.ContentType = new("application/json");
            foreach (var (name, value) in new[] { ("specversion", "1.0"), ("id", id), ("source", "/tests"),
                ("type", type), ("subject", subject) })
            {
                if (value is not null) sent.Headers.Add("ce-" + name, value);
            }

            using var answer = await world.Gateway.Client.SendAsync(sent, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        }

        var events = (await world.GetJsonAsync("events")).GetProperty("events").EnumerateArray().ToArray();
        Assert.Equal([("payment.settled", "42", 1, 7), ("order.placed", null, 0, 7)],
            events.Select(one => (one.GetProperty("type").GetString(),
                one.GetProperty("subject").GetString(), one.GetProperty("woken").GetInt32(), one.GetProperty("bytes").GetInt32())));
        Assert.Single((await world.GetJsonAsync("events?limit=1")).GetProperty("events").EnumerateArray());
        (await world.CallAsync(HttpMethod.Get, "events?limit=0")).AssertProblem(HttpStatusCode.BadRequest, "bad-request");
        waiting.Answer(200);
    }

    [Fact]
    public async Task ValueOfASearchHeader_FindsItsRuns_AndThatOfAnotherDoesNot()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Admin:SearchHeaders:0=x-order-id",
            "Durable:Admin:SearchHeaders:1=X-Tenant", World.RetryMuchLater);
        var attempt = await world.BeginAsync(("X-Order-Id", " A 17 "), ("X-Tenant", "acme"), ("X-Other", "blue"),
            ("Idempotency-Key", "\"k-17\""));
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        foreach (var text in new[] { "A 17", "acme", "k-17" })
            Assert.Equal([attempt.RunId], await world.IdsAsync("search=" + Uri.EscapeDataString(text)));
        foreach (var text in new[] { "blue", "A", "a 17" }) Assert.Empty(await world.IdsAsync("search=" + Uri.EscapeDataString(text)));
        Assert.Empty(await world.IdsAsync("search=acme&state=failed"));
    }

    [Fact]
    public async Task IdempotencyKey_FindsItsRun()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var key = Guid.NewGuid().ToString();
        var attempt = await world.BeginAsync(("Idempotency-Key", $"\"{key}\""));
        Assert.Equal([attempt.RunId], await world.IdsAsync($"search={key}"));
        Assert.Equal([attempt.RunId], await world.IdsAsync($"search={key}&state=running"));
        attempt.Answer(200);
        using var answer = await world.LiveAnswerAsync();
        Assert.Equal([attempt.RunId], await world.IdsAsync($"search={key}&state=completed"));
        Assert.Empty(await world.IdsAsync($"search={key}&state=running"));
    }

    [Fact]
    public async Task Pages_HaveEachRunOnce_WhileRunsAreAdded()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Policies:default:RunTimeout=1.00:00:00");
        var start = Make.Start.AddDays(-Random.Shared.Next(1, 1000));

        // Many of them in one millisecond: then only their ids tell them apart.
        var runs = new List<string>();
        for (var i = 0; i < 300; i++) runs.Add(await AddAsync(world, start.AddMilliseconds(i / 100)));
        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await world.GetJsonAsync($"runs?limit=17&route={world.Path[1..]}{(cursor is null ? "" : "&cursor=" + cursor)}");
            seen.AddRange(page.GetProperty("runs").EnumerateArray().Select(run => run.GetProperty("id").GetString()!));
            cursor = page.TryGetProperty("next", out var next) && next.ValueKind == JsonValueKind.String ? next.GetString() : null;
            await AddAsync(world, start.AddDays(1));
        }
        while (cursor is not null);
        Assert.Equal(runs.Order(), seen.Order());
        Assert.Equal(300, seen.Distinct().Count());
    }

    [Fact]
    public async Task UnknownFilter_BadValues_AndBadCursors_AreProblems()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        foreach (var query in new[] { "colour=red", "state=asleep", "limit=0", "limit=many", "after=yesterday", "cursor=x", "cursor=YWJj" })
            (await world.CallAsync(HttpMethod.Get, "runs?" + query)).AssertProblem(HttpStatusCode.BadRequest, "bad-request");
        (await world.CallAsync(HttpMethod.Get, $"runs/{RunId.New(Make.Start)}")).AssertProblem(HttpStatusCode.NotFound, "not-found");
        (await world.CallAsync(HttpMethod.Get, "runs/none")).AssertProblem(HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task Overview_CountsRequestsAndWaitingRuns()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, "Durable:Policies:default:Retention=01:00:00");
        (await world.BeginAsync()).Answer(200);
        using var answer = await world.LiveAnswerAsync();
        await world.ParkAsync();
        await Eventually.TrueAsync(async () =>
        {
            var overview = await world.GetJsonAsync("overview");
            var minutes = overview.GetProperty("routes")[0].GetProperty("minutes");
            return overview.GetProperty("waiting").GetInt64() >= 1
                && overview.GetProperty("oldestWaiting").ValueKind == JsonValueKind.String
                && minutes.GetArrayLength() == 60 && Sum(minutes, "started") >= 2 && Sum(minutes, "completed") >= 1;
        }, "the overview counts two requests");
        var route = (await world.GetJsonAsync("routes"))[0];
        Assert.True(Sum(route.GetProperty("minutes"), "retried") >= 1, "The attempt that failed is not counted.");
        var latency = route.GetProperty("latency");
        Assert.True(latency.GetProperty("p99").GetDouble() >= latency.GetProperty("p50").GetDouble());
        Assert.Equal("upstream", (await world.GetJsonAsync("routes"))[0].GetProperty("route").GetString());
    }

    [Fact]
    public async Task PausedRun_IsListedAsPaused_FoundByItsShortId_AndHasNoNextAttempt()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var id = await world.ParkedRunAsync();
        var other = await world.ParkedRunAsync();
        Assert.Equal(HttpStatusCode.OK, (await world.CallAsync(HttpMethod.Post, $"runs/{id}/pause")).Status);

        var listed = (await world.GetJsonAsync("runs?state=paused")).GetProperty("runs").EnumerateArray()
            .Select(run => run.GetProperty("id").GetString()).ToArray();
        Assert.Contains(id, listed);
        Assert.DoesNotContain(other, listed);
        var found = (await world.GetJsonAsync($"runs?search={id[..18]}")).GetProperty("runs");
        Assert.Equal(id, found[0].GetProperty("id").GetString());
        Assert.Equal(JsonValueKind.Null, found[0].GetProperty("nextAttemptAt").ValueKind);
        Assert.True(RunId.TryParse(id, out var run));
        Assert.Null((await world.Gateway.Store.GetSnapshotAsync(run))!.NextAttemptAt);
    }

    private static long Sum(JsonElement minutes, string name) =>
        minutes.EnumerateArray().Sum(minute => minute.GetProperty(name).GetInt64());

    private static async Task<string> AddAsync(World world, DateTimeOffset start)
    {
        var run = new NewRun(RunId.New(start), new RunPolicy { RunTimeout = TimeSpan.FromDays(3650) },
            world.Path[1..], start, Make.Request());
        await world.Gateway.Store.CreateWaitingAsync(run, "test", TimeProvider.System.GetUtcNow().AddDays(300));
        return run.Id.ToString();
    }
}
