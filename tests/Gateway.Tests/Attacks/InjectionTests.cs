using System.Net;
using System.Text;
using System.Text.Json;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>What services and senders of events may name freely never becomes a line of a head, or of a stream.</summary>
public sealed class InjectionTests
{
    private const string Evil = "a\r\nX-Evil: 1\r\n\r\ndata: evil\nevent: result\n\u2028\u2029\u202eé😀\"\\;,:";

    private static readonly string Encoded = Uri.EscapeDataString(Evil);

    [Fact]
    public async Task StepId_WithLineEnds_StaysWhereItBelongs()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync(Encoded, "1")).Status);
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("plain", "2")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await attempt.PutAsync("a%00b", "3")).Status);
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        var replay = await world.NextAttemptAsync();
        Assert.Equal(("2", "\"plain\";ok=:Mg==:"), (replay.Request["Durable-Step-Count"], replay.Request["Durable-Steps"]));
        Assert.Null(replay.Request["X-Evil"]);
        Assert.Equal(Evil, (await replay.GetAsync("/steps")).Json[0].GetProperty("id").GetString());
        Assert.Equal(HttpStatusCode.OK, (await replay.PutAsync(Encoded, "1")).Status);
        Assert.Equal(HttpStatusCode.OK, (await world.CallAsync(HttpMethod.Get, $"runs/{replay.RunId}/steps/{Encoded}/body")).Status);
        replay.Answer(200, "done");

        using var call = new HttpRequestMessage(HttpMethod.Get, redirect.Headers.Location);
        call.Headers.Accept.ParseAdd("text/event-stream");
        using var stream = await world.Gateway.Client.SendAsync(call);
        var events = (await stream.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.All(events, one => Assert.Equal(["id", "event", "data"], one.Split('\n').Select(line => line.Split(':')[0])));
        Assert.Single(events, one => one.Contains("\nevent: result\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task EventTypeAndKey_WithLineEnds_AreMatchedAsTheyAre()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.Accepted,
            (await attempt.PutTypeAsync("wait", "w", ("Durable-Event-Type", Encoded), ("Durable-Event-Key", Encoded))).Status);
        foreach (var name in new[] { "Durable-Event-Type", "Durable-Event-Key", "Durable-Invoke-Path" })
        {
            // As they are they are no header at all, and the server says so.
            var head = $"PUT {new Uri(attempt.Callback).AbsolutePath}/steps/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                + $"Durable-Token: {attempt.Token}\r\nContent-Length: 0\r\n{name}: a\0b\r\n\r\n";
            Assert.Equal(400, (await Raw.SendAsync(world.Gateway.Control, head)).Status);
        }
    }

    [Theory]
    [InlineData("application/json\r\nX-Evil: 1")]
    [InlineData("application/json\0")]
    [InlineData("application/json\n")]
    [InlineData("a\u0085b")]
    public async Task ContentTypeOfAnEvent_ThatIsNoHeader_IsRefused(string contentType)
    {
        await using var world = await World.StartAsync();
        var cloudEvent = JsonSerializer.Serialize(new
        {
            specversion = "1.0",
            id = "1",
            source = "/s",
            type = "t",
            datacontenttype = contentType,
            data = "x"
        });
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(cloudEvent));
        content.Headers.TryAddWithoutValidation("Content-Type", "application/cloudevents+json");
        using var answer = await world.Gateway.Client.PostAsync(new Uri(world.Gateway.Control, "/_durable/v1/events"), content);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task ContentTypeOfAnEditedStep_ThatIsNoHeader_IsRefused()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("a", "1");
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        (await world.ActAsync(attempt.RunId, "edit-step", new { step = "a", contentType = "text/plain\r\nX-Evil: 1", body = "MQ==" }))
            .AssertProblem(HttpStatusCode.Conflict, "action-refused");
    }

    /// <summary>
    /// The name of a download is the gateway's own, whatever the step is called; a browser neither shows nor guesses what it is.
    /// </summary>
    [Fact]
    public async Task Downloads_HaveNamesOfTheGateway()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync(Encoded, "<script>alert(1)</script>", ("Content-Type", "text/html"));
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        foreach (var path in new[] { $"/_durable/v1/admin/runs/{attempt.RunId}/steps/{Encoded}/body",
            $"/runs/{attempt.RunId}/body?of=step&step={Encoded}" })
        {
            using var answer = await world.Gateway.Client.GetAsync(new Uri(world.Gateway.Control, path));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Matches("^attachment; filename=\"?(body|[0-9a-f-]+-step)\"?$", answer.Content.Headers.ContentDisposition!.ToString());
            Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
            Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        }
    }

    /// <summary>A service cannot make the gateway say in its own name what it did not say.</summary>
    [Fact]
    public async Task ControlCharactersOfAService_AreNotPassedOn()
    {
        await using var service = new SocketService(async (_, socket) =>
            await socket.SayAsync("HTTP/1.1 200 OK\nX-Own: a\0b\nDurable-Status: forged\nContent-Length: 2\n\nok"));
        await using var gateway = await GatewayHost.StartAsync(service.Url, World.RetryMuchLater);
        var answer = await Raw.SendAsync(gateway.Public, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        Assert.Null(answer["Durable-Status"]);
        Assert.DoesNotContain(answer.Headers, line => line.Value.Any(char.IsControl));
    }
}
