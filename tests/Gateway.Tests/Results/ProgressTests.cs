using System.Net;
using System.Text.Json;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

public sealed class EmbeddedProgressTests : ProgressTests<OnEmbedded>;

public sealed class RedisProgressTests : ProgressTests<OnRedis>;

/// <summary>The result URL of a run that has not ended, for clients that watch (§5): a stream of events, a page.</summary>
public abstract class ProgressTests<TStore> where TStore : IStoreChoice
{
    private const string Soon = "Durable:Policies:default:Retry:Delay=00:00:00.050";

    [Fact]
    public async Task Stream_TellsWhatHappens_AndEndsWithTheResult()
    {
        await using var world = await World.StartAsync<TStore>(Soon);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("charge", "1");
        await attempt.FailAsync("label");
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();
        using var stream = await EventsAsync(world, redirect.Headers.Location!.OriginalString);
        Assert.Equal("text/event-stream", stream.Answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal(["attempt 1", "step charge completed", "step label retrying", "suspended"], await stream.TakeAsync(4));

        var next = await world.NextAttemptAsync();
        Assert.Equal(["attempt 2"], await stream.TakeAsync(1));
        await next.PutAsync("label", "2");
        Assert.Equal(["step label completed"], await stream.TakeAsync(1));
        next.AnswerBytes(201, [0xFF, 0], ("Content-Type", "image/png"), ("X-Many", "a"), ("X-Many", "b"));
        Assert.Equal(["result 201 base64 /wA="], await stream.TakeAsync(1));
        Assert.Null(await stream.NextAsync());
    }

    [Fact]
    public async Task Stream_GoesOnAfterLastEventId_AndIsOverAfterTheResult()
    {
        await using var world = await World.StartAsync<TStore>(Soon);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("charge", "1");
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        var url = redirect.Headers.Location!.OriginalString;
        string last;
        using (var first = await EventsAsync(world, url))
        {
            Assert.Equal(["attempt 1", "step charge completed"], await first.TakeAsync(2));
            last = first.LastId;
        }

        (await world.NextAttemptAsync()).Answer(200, "done", ("Content-Type", "text/plain"));
        using var second = await EventsAsync(world, url, last);
        Assert.Equal(["suspended", "attempt 2", "result 200 utf-8 done"], await second.TakeAsync(3));
        using var third = await EventsAsync(world, url, second.LastId);
        Assert.Equal(HttpStatusCode.NoContent, third.Answer.StatusCode);
    }

    [Fact]
    public async Task Stream_OfACancelledRun_EndsWithTheProblem_AndAWrongTokenIsUnknown()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, "Durable:Policies:default:AllowCancel=true");
        var url = await world.ParkAsync();
        using var stream = await EventsAsync(world, url);
        Assert.Equal(["attempt 1", "suspended"], await stream.TakeAsync(2));
        using var cancelled = await world.Gateway.Client.DeleteAsync(World.RunUrl(url));
        Assert.StartsWith("result 410 utf-8", Assert.Single(await stream.TakeAsync(1)), StringComparison.Ordinal);
        using var wrong = await EventsAsync(world, url[..^1]);
        Assert.Equal(HttpStatusCode.NotFound, wrong.Answer.StatusCode);
    }

    [Fact]
    public async Task Stream_OfAServiceThatStreams_IsItsOwn_OnceItHasEnded()
    {
        await using var world = await World.StartAsync<TStore>(Soon);
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(200, "data: hello\n\n", ("Content-Type", "text/event-stream"));
        Assert.Equal("data: hello\n\n", await world.Gateway.Follower.GetStringAsync(url));
        using var own = await EventsAsync(world, url);
        Assert.Equal("data: hello\n\n", await own.RestAsync());
    }

    [Fact]
    public async Task Browser_GetsAPageWithoutDelay_AndThenTheResult()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("%3Cscript%3Ealert(1)%3C%2Fscript%3E", "1");
        await attempt.PutTypeAsync("sleep", "nap", ("Durable-Step-For", "2"));
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();
        using var page = await BrowseAsync(world, redirect.Headers.Location!);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        var html = await page.Content.ReadAsStringAsync();
        Assert.Contains("<noscript><meta http-equiv=\"refresh\"", html, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;</b><span>done</span>", html, StringComparison.Ordinal);
        Assert.Contains("class=\"sleeping\"><b>nap</b>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>alert", html, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);

        (await world.NextAttemptAsync()).Answer(200, "<p>shipped", ("Content-Type", "text/html"));
        using var result = await BrowseAsync(world, redirect.Headers.Location!);
        Assert.Equal("<p>shipped", await result.Content.ReadAsStringAsync());
    }

    private static Task<HttpResponseMessage> BrowseAsync(World world, Uri url)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.TryAddWithoutValidation("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        return world.Gateway.Client.SendAsync(request);
    }

    private static async Task<Events> EventsAsync(World world, string url, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        if (lastEventId is not null) request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        var answer = await world.Gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(World.Patience);
        return new Events(answer, new StreamReader(await answer.Content.ReadAsStreamAsync()));
    }

    private sealed class Events(HttpResponseMessage answer, StreamReader reader) : IDisposable
    {
        public HttpResponseMessage Answer => answer;
        public string LastId { get; private set; } = "";

        public Task<string> RestAsync() => reader.ReadToEndAsync().WaitAsync(World.Patience);

        public async Task<List<string>> TakeAsync(int count)
        {
            var taken = new List<string>();
            while (taken.Count < count && await NextAsync() is { } next) taken.Add(next);
            return taken;
        }

        /// <summary>An event as text; <see langword="null"/> at the end of the stream.</summary>
        public async Task<string?> NextAsync()
        {
            var type = "";
            var data = default(JsonElement);
            while (await reader.ReadLineAsync().WaitAsync(World.Patience) is { } line)
            {
                if (line.StartsWith("id: ", StringComparison.Ordinal)) LastId = line[4..];
                if (line.StartsWith("event: ", StringComparison.Ordinal)) type = line[7..];
                if (line.StartsWith("data: ", StringComparison.Ordinal)) data = JsonDocument.Parse(line[6..]).RootElement;
                if (line.Length > 0 || type.Length == 0) continue;
                return type switch
                {
                    "attempt" => $"attempt {data.GetProperty("attempt")}",
                    "step" => $"step {data.GetProperty("step")} {data.GetProperty("state")}",
                    "result" => $"result {data.GetProperty("status")} {data.GetProperty("encoding")} {data.GetProperty("body")}",
                    _ => type,
                };
            }

            return null;
        }

        public void Dispose()
        {
            reader.Dispose();
            answer.Dispose();
        }
    }
}
