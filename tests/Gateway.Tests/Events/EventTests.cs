using System.Net;
using System.Text;
using System.Text.Json;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Events;

public sealed class EmbeddedEventTests : EventTests<OnEmbedded>;

public sealed class RedisEventTests : EventTests<OnRedis>;

/// <summary>Steps of type <c>wait</c> (§3) and the events that complete them (§6).</summary>
public abstract class EventTests<TStore> where TStore : IStoreChoice
{
    private static int _count;

    /// <summary>Tests share a gateway, so each has a type of its own.</summary>
    private readonly string _type = $"order.approved.{Interlocked.Increment(ref _count)}";

    [Fact]
    public async Task Wait_ParksTheRun_AndAnEventWakesIt_WithItsData()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        var waiting = await WaitAsync(attempt, "approval", "42");
        Assert.Equal(HttpStatusCode.Accepted, waiting.Status);
        Assert.Null(waiting["Retry-After"]);
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);

        Assert.Equal(0, await SendAsync(world, "1", "43"));
        Assert.Equal(1, await SendAsync(world, "2", "42", """{"by":"Ann"}"""));
        var next = await world.NextAttemptAsync();
        Assert.Equal("2", next.Request["Durable-Attempt"]);
        Assert.Equal("\"approval\";ok=:eyJieSI6IkFubiJ9:;t=wait", next.Request["Durable-Steps"]);
        var over = await WaitAsync(next, "approval", "42");
        Assert.Equal((HttpStatusCode.OK, "completed", """{"by":"Ann"}"""), (over.Status, over["Durable-Step-Outcome"], over.Text));
        next.Answer(200, "shipped");
        Assert.Equal("shipped", await world.Gateway.Follower.GetStringAsync(redirect.Headers.Location));
    }

    [Fact]
    public async Task Event_ThatCameBeforeTheWait_CompletesIt_AsFarAsItLooksBack()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        Assert.Equal(0, await SendAsync(world, "before the run", "7"));

        // Times are milliseconds: the run is to begin in a later one.
        var sent = Environment.TickCount64;
        await Eventually.TrueAsync(() => Environment.TickCount64 > sent + 1, "time passes");
        var attempt = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.Accepted, (await WaitAsync(attempt, "own time", "7")).Status);
        var lookback = await WaitAsync(attempt, "further", "7", ("Durable-Event-Lookback", "60"));
        Assert.Equal((HttpStatusCode.OK, "1"), (lookback.Status, lookback.Text));

        Assert.Equal(1, await SendAsync(world, "within the run", "7", "2"));
        Assert.Equal("2", (await WaitAsync(attempt, "own time", "7")).Text);
        Assert.Equal(HttpStatusCode.Accepted, (await WaitAsync(attempt, "from now", "7", ("Durable-Event-Lookback", "0"))).Status);
    }

    [Fact]
    public async Task Event_CompletesOneStepOfARun_AndTheNextOneTakesTheNextEvent()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await WaitAsync(attempt, "first", "7");
        await WaitAsync(attempt, "second", "7");
        Assert.Equal(1, await SendAsync(world, "a", "7", "\"a\""));
        Assert.Equal(1, await SendAsync(world, "b", "7", "\"b\""));
        var answers = new[] { await WaitAsync(attempt, "first", "7"), await WaitAsync(attempt, "second", "7") };
        Assert.Equal(["\"a\"", "\"b\""], answers.Select(answer => answer.Text).Order());
        Assert.Equal(HttpStatusCode.Accepted, (await WaitAsync(attempt, "third", "7")).Status);
        Assert.Equal(1, await SendAsync(world, "c", "7", "\"c\""));
        Assert.Equal("\"c\"", (await WaitAsync(attempt, "third", "7")).Text);
    }

    [Fact]
    public async Task Wait_WithoutKey_TakesAnySubject_AndAnEventWithoutSubjectWakesOnlySuch()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await WaitAsync(attempt, "any", null);
        await WaitAsync(attempt, "one", "7");
        Assert.Equal(1, await SendAsync(world, "1", null, "\"plain\""));
        Assert.Equal("\"plain\"", (await WaitAsync(attempt, "any", null)).Text);
        Assert.Equal(HttpStatusCode.Accepted, (await WaitAsync(attempt, "one", "7")).Status);
        await WaitAsync(attempt, "any again", null);
        Assert.Equal(1, await SendAsync(world, "2", "8", "\"eight\""));
        Assert.Equal("\"eight\"", (await WaitAsync(attempt, "any again", null)).Text);
    }

    [Fact]
    public async Task Event_WakesEveryRunThatWaits_AndIsTakenInOnce()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempts = new List<HeldAttempt>();
        for (var i = 0; i < 5; i++) attempts.Add(await world.BeginAsync());
        foreach (var attempt in attempts)
        {
            await WaitAsync(attempt, "news", "7");
            attempt.Suspend();
        }

        foreach (var attempt in attempts)
            await Eventually.TrueAsync(async () => (await attempt.GetAsync()).Text.Contains("waiting", StringComparison.Ordinal),
                "it is parked");
        Assert.Equal(5, await SendAsync(world, "1", "7"));
        Assert.Equal(5, await SendAsync(world, "1", "7"));
        var woken = new HashSet<string>();
        for (var i = 0; i < 5; i++) woken.Add((await world.NextAttemptAsync()).RunId);
        Assert.Equal(attempts.Select(attempt => attempt.RunId).Order(), woken.Order());
    }

    [Fact]
    public async Task Event_WhileTheAttemptIsInFlight_WakesTheRunWhenItSuspends()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await WaitAsync(attempt, "news", "7");
        Assert.Equal(1, await SendAsync(world, "1", "7"));
        attempt.Suspend();
        Assert.Equal("2", (await world.NextAttemptAsync()).Request["Durable-Attempt"]);
    }

    [Fact]
    public async Task Event_WhoseNodeDiedBeforeItWasDelivered_IsDeliveredByAnother()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, "Durable:Lease=00:00:01");
        var attempt = await world.BeginAsync();
        await WaitAsync(attempt, "news", "7");
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();

        // As a node leaves it that took the event in, and no more.
        var events = world.Gateway.Services.GetRequiredService<IEventStore>();
        var now = world.Gateway.Services.GetRequiredService<TimeProvider>().GetUtcNow();
        var arrived = new StoredEvent(StoredEvent.NameOf("/s", _type), new Topic(_type, "7"), "text/plain", "late"u8.ToArray());
        Assert.Equal(new Publication(true, 1), await events.PublishAsync(arrived, now));
        Assert.Equal("late", (await WaitAsync(await world.NextAttemptAsync(), "news", "7")).Text);
        await Eventually.TrueAsync(async () => await events.PublishAsync(arrived, now) == new Publication(false, 1), "it has woken one");
    }

    [Fact]
    public async Task Wait_ThatTimesOut_EndsAsAFailure_AndNoEventChangesThat()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        Assert.Equal("1", (await WaitAsync(attempt, "news", "7", ("Durable-Step-Timeout", "0.3")))["Retry-After"]);
        attempt.Suspend();
        var next = await world.NextAttemptAsync();
        var over = await WaitAsync(next, "news", "7", ("Durable-Step-Timeout", "0.3"));
        Assert.Equal((HttpStatusCode.OK, "failed"), (over.Status, over["Durable-Step-Outcome"]));
        Assert.Equal("/_durable/problems/step-timeout", over.Json.GetProperty("type").GetString());
        Assert.Equal(0, await SendAsync(world, "1", "7"));
    }

    [Theory]
    [InlineData(null, null, null, "no type")]
    [InlineData("", null, null, "empty type")]
    [InlineData("t", "%zz", null, "a key that is not percent-encoded")]
    [InlineData("t", null, "soon", "a time-out that is no number")]
    [InlineData("t", null, "-1", "a negative time-out")]
    public async Task Wait_Malformed_Is400(string? type, string? key, string? timeout, string what)
    {
        await using var world = await World.StartAsync<TStore>();
        var attempt = await world.BeginAsync();
        var headers = new List<(string, string)>();
        if (type is not null) headers.Add(("Durable-Event-Type", type));
        if (key is not null) headers.Add(("Durable-Event-Key", key));
        if (timeout is not null) headers.Add(("Durable-Step-Timeout", timeout));
        Assert.NotNull(what);
        (await attempt.PutTypeAsync("wait", "w", [.. headers])).AssertProblem(HttpStatusCode.BadRequest, "step-malformed");
    }

    [Fact]
    public async Task Key_MayBeAnyText()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutTypeAsync("wait", "w", ("Durable-Event-Type", Uri.EscapeDataString("größe/" + _type)),
            ("Durable-Event-Key", Uri.EscapeDataString("ключ 100%")));
        using var answer = await PostAsync(world, JsonSerializer.Serialize(new
        {
            specversion = "1.0",
            id = "1",
            source = "/s",
            type = "größe/" + _type,
            subject = "ключ 100%",
            data = 5
        }));
        Assert.Equal(1, await WokenAsync(answer));
    }

    [Fact]
    public async Task BinaryMode_IsTakenToo_WithBytesAsTheyAre()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await WaitAsync(attempt, "image", "7");
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(world.Gateway.Control, "/_durable/v1/events"))
        {
            Content = new ByteArrayContent([0, 255, 1])
        };
        request.Content.Headers.ContentType = new("image/png");
        foreach (var (name, value) in new[] { ("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", _type), ("subject", "7") })
            request.Headers.Add("ce-" + name, value);
        using var answer = await world.Gateway.Client.SendAsync(request);
        Assert.Equal(1, await WokenAsync(answer));
        var over = await WaitAsync(attempt, "image", "7");
        Assert.Equal("image/png", over["Content-Type"]);
        Assert.Equal([0, 255, 1], over.Body);
    }

    [Theory]
    [InlineData("""{"specversion":"1.0","id":"1","source":"/s"}""", "application/cloudevents+json", 400)]
    [InlineData("""{"specversion":"1.0","type":"t","source":"/s"}""", "application/cloudevents+json", 400)]
    [InlineData("""{"specversion":"0.3","id":"1","type":"t","source":"/s"}""", "application/cloudevents+json", 400)]
    [InlineData("""{"specversion":"1.0",""", "application/cloudevents+json", 400)]
    [InlineData("""[]""", "application/cloudevents-batch+json", 415)]
    [InlineData("""{"type":"t"}""", "application/json", 400)]
    public async Task Event_Malformed_IsAProblem(string body, string type, int status)
    {
        await using var world = await World.StartAsync<TStore>();
        using var answer = await PostAsync(world, body, type);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("/_durable/problems/event-malformed",
            (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString());
    }

    [Fact]
    public async Task Event_TooLarge_Is413_AndOnThePublicListenerThereIsNoSuchThing()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Events:MaxBytes=100");
        using var large = await PostAsync(world,
            JsonSerializer.Serialize(new { specversion = "1.0", id = "1", source = "/s", type = _type, data = new string('x', 100) }));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        using var elsewhere = await world.Gateway.Client.PostAsync("/_durable/v1/events", new StringContent("{}"));
        Assert.Equal(HttpStatusCode.NotFound, elsewhere.StatusCode);
    }

    private Task<CallAnswer> WaitAsync(HeldAttempt attempt, string step, string? key, params (string Name, string Value)[] headers) =>
        attempt.PutTypeAsync("wait", Uri.EscapeDataString(step),
            [("Durable-Event-Type", _type), .. key is null ? [] : new[] { ("Durable-Event-Key", key) }, .. headers]);

    private async Task<int> SendAsync(World world, string id, string? subject, string data = "1")
    {
        var key = subject is null ? "" : $""","subject":{JsonSerializer.Serialize(subject)}""";
        using var answer = await PostAsync(world,
            $$"""{"specversion":"1.0","id":"{{id}}","source":"/tests/{{_type}}","type":"{{_type}}"{{key}},"data":{{data}}}""");
        return await WokenAsync(answer);
    }

    private static async Task<int> WokenAsync(HttpResponseMessage answer)
    {
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("woken").GetInt32();
    }

    private static Task<HttpResponseMessage> PostAsync(World world, string body, string type = "application/cloudevents+json")
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        return world.Gateway.Client.PostAsync(new Uri(world.Gateway.Control, "/_durable/v1/events"), content);
    }
}
