using System.Text.Json;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Steps that send an event.</summary>
public sealed class SendEventTests
{
    private readonly FakeRun _run = new();

    private IEnumerable<Call> Posts => _run.Gateway.Calls.Where(call => call.Method == "POST");

    [Fact]
    public async Task Event_IsPostedAsACloudEvent_AndTheStepStored()
    {
        var verdict = await _run.AttemptAsync(async step =>
            Assert.Equal(2, await step.SendEventAsync("tell", "order.paid", "straße 1", new Order(1, "ä"))));

        Assert.True(verdict.IsCompleted);
        var post = Assert.Single(Posts);
        Assert.Equal("http://gw1:8081/_durable/v1/events", post.Url);
        Assert.Equal((FakeGateway.Token, "application/cloudevents+json"), (post["Durable-Token"], post["Content-Type"]));
        var json = JsonDocument.Parse(post.Body).RootElement;
        Assert.Equal(
            [("specversion", "1.0"), ("id", $"{FakeGateway.Run}/tell"), ("source", $"/_durable/v1/runs/{FakeGateway.Run}"),
                ("type", "order.paid"), ("subject", "straße 1"), ("datacontenttype", "application/json")],
            json.EnumerateObject().Where(member => member.Name != "data").Select(member => (member.Name, member.Value.GetString())));
        Assert.Equal(new Order(1, "ä"), json.GetProperty("data").Deserialize<Order>(JsonSerializerOptions.Web));
        Assert.Equal("2", _run["tell"].Text);
    }

    [Fact]
    public async Task Replay_SendsNothing()
    {
        Task Handler(IStep step) => step.SendEventAsync("tell", "order.paid", null, null);
        await _run.AttemptAsync(Handler);
        Assert.True((await _run.AttemptAsync(Handler)).IsCompleted);

        Assert.Single(Posts);
    }

    [Fact]
    public async Task RepetitionOfALostCheckpoint_HasTheSameId()
    {
        _run.Instead = call => call.Method == "PUT" ? Answer.Problem(400, "lost") : null;
        await _run.AttemptAsync(step => step.SendEventAsync("tell", "order.paid", null, 1));
        _run.Instead = _ => null;
        await _run.AttemptAsync(step => step.SendEventAsync("tell", "order.paid", null, 1));

        Assert.Equal(2, Posts.Count());
        Assert.Single(Posts.Select(post => JsonDocument.Parse(post.Body).RootElement.GetProperty("id").GetString()).Distinct());
    }

    [Fact]
    public async Task NameUsedAgain_IsAnotherEvent()
    {
        await _run.AttemptAsync(async step =>
        {
            await step.SendEventAsync("tell", "order.paid", null, 1);
            await step.SendEventAsync("tell", "order.paid", null, 1);
        });

        Assert.Equal([$"{FakeGateway.Run}/tell", $"{FakeGateway.Run}/tell#2"],
            Posts.Select(post => JsonDocument.Parse(post.Body).RootElement.GetProperty("id").GetString()));
    }

    [Fact]
    public async Task WithoutKeyAndData_TheyAreLeftOut()
    {
        await _run.AttemptAsync(step => step.SendEventAsync("tell", "order.paid", null, null));

        Assert.Equal(["specversion", "id", "source", "type"],
            JsonDocument.Parse(Assert.Single(Posts).Body).RootElement.EnumerateObject().Select(member => member.Name));
    }

    [Fact]
    public async Task Bytes_AreBase64()
    {
        await _run.AttemptAsync(step => step.SendEventAsync("tell", "order.paid", null, "raw"u8.ToArray()));

        var json = JsonDocument.Parse(Assert.Single(Posts).Body).RootElement;
        Assert.Equal(("application/octet-stream", "cmF3"),
            (json.GetProperty("datacontenttype").GetString(), json.GetProperty("data_base64").GetString()));
    }

    [Fact]
    public async Task GatewayBehindAPrefix_HasItsEventsThereToo()
    {
        var gateway = FakeGateway.With(call => call.Method == "POST" ? new Answer(202, """{"woken":0}""") : null);

        await gateway.RunAsync(step => step.SendEventAsync("tell", "order.paid", null, 1),
            callback: "https://ops.example/gw/_durable/v1/runs/" + FakeGateway.Run);

        Assert.Equal("https://ops.example/gw/_durable/v1/events", gateway.Calls.First().Url);
    }

    [Fact]
    public async Task RefusedEvent_FailsTheStepForGood()
    {
        _run.Instead = call => call.Method == "POST" ? Answer.Problem(400, "no such event") : null;

        var verdict = await _run.AttemptAsync(step => step.SendEventAsync("tell", "order.paid", null, 1));

        verdict.AssertFailed("?0");
        Assert.Contains("no such event", _run["tell"].Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(401)]
    [InlineData(500)]
    public async Task GatewayInTrouble_FailsTheAttempt(int status)
    {
        _run.Instead = call => call.Method == "POST" ? Answer.Problem(status, "trouble") : null;

        (await _run.AttemptAsync(step => step.SendEventAsync("tell", "order.paid", null, 1))).AssertFailed("?1");

        Assert.Empty(_run.Stored);
    }

    [Theory]
    [InlineData(409)]
    [InlineData(410)]
    public async Task Superseded_AbandonsTheHandler(int status)
    {
        _run.Instead = call => call.Method == "POST" ? Answer.Problem(status, "attempt-superseded") : null;

        var verdict = await _run.AttemptAsync(step => step.SendEventAsync("tell", "order.paid", null, 1));

        Assert.Equal(503, verdict.StatusCode);
        Assert.Empty(_run.Stored);
    }

    [Fact]
    public async Task Count_IsKept_ThoughTheOptionsKnowNoNumbers()
    {
        var verdict = await _run.AttemptAsync(
            async step => Assert.Equal(2, await step.SendEventAsync("tell", "order.paid", null, new Order(1, "n"))),
            options: new DurableStepsOptions { Json = PlainContext.Default.Options });

        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task Misuse_SaysWhatToDo()
    {
        await _run.AttemptAsync(async step =>
        {
            await Assert.ThrowsAsync<ArgumentException>(() => step.SendEventAsync("tell", "", null, 1));
            await Assert.ThrowsAsync<ArgumentException>(() => step.SendEventAsync("tell", "order.paid", "", 1));
            var e = await Assert.ThrowsAsync<StepUsageException>(() => step.SendEventAsync("tell", "order.paid", null, typeof(string)));
            Assert.Contains("plain data", e.Message, StringComparison.Ordinal);
        });
        Assert.Empty(Posts);
    }
}
