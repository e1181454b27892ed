using System.Net;
using System.Threading.Channels;
using DurableGateway.Protocol;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

public sealed class EmbeddedStreamResumeTests : StreamResumeTests<OnEmbedded>;

public sealed class RedisStreamResumeTests : StreamResumeTests<OnRedis>;

/// <summary>Services that stream events: live, interrupted and resumed (<c>Durable-Stream: resume</c>).</summary>
public abstract class StreamResumeTests<TStore> where TStore : IStoreChoice
{
    /// <summary>The next output of the service; <see langword="null"/> if its process dies.</summary>
    private readonly Channel<string?> _script = Channel.CreateUnbounded<string?>();

    private readonly List<string?> _lastIds = [];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ServiceDies_ClientComesBack_AndHasEveryEventOnce(bool serviceResumes)
    {
        await using var service = await StartAsync(resume: true);
        await using var gateway = await GatewayAsync(service);
        using var live = await OpenAsync(gateway, "/ticker");
        var url = live.Answer.Headers.GetValues("Durable-Result").Single();
        Assert.False(live.Answer.Headers.Contains("Durable-Stream"));
        await SayAsync("id: 1\ndata: one\n\n", ": nothing\n\nid: 2\ndata: t");
        Assert.Equal("id: 1|data: one||: nothing||", await live.ReadAsync(5));
        await SayAsync("wo\n\n");
        Assert.Equal("id: 2|data: two||", await live.ReadAsync(3));
        await SayAsync("id: 3\ndata: half", null);
        await Assert.ThrowsAnyAsync<IOException>(() => live.ReadAsync(1));

        using var again = await OpenAsync(gateway, url, "2");
        Assert.Equal("text/event-stream", again.Answer.Content.Headers.ContentType!.MediaType);
        await SayAsync([.. serviceResumes ? Array.Empty<string>() : ["id: 1\ndata: one\n\n", "id: 2\ndata: two\n\n"],
            "id: 3\ndata: three\n\n"]);
        Assert.Equal("id: 3|data: three||", await again.ReadAsync(3));
        using var late = await OpenAsync(gateway, url);
        Assert.Equal("id: 1|data: one||id: 2|data: two||id: 3|data: three||", await late.ReadAsync(9));
        await SayAsync("id: 4\r\ndata: four\r\n\r\n", "end");
        Assert.Equal("id: 4|data: four||", await again.ReadAsync(3));
        Assert.Null(await again.ReadAsync(1));
        Assert.Equal("id: 4|data: four||", await late.ReadAsync(3));

        Assert.Equal([null, "2"], _lastIds);
        Assert.Equal("id: 1\ndata: one\n\nid: 2\ndata: two\n\nid: 3\ndata: three\n\nid: 4\r\ndata: four\r\n\r\n",
            await gateway.Follower.GetStringAsync(url));
        using var over = await OpenAsync(gateway, url, "4");
        Assert.Equal(HttpStatusCode.NoContent, over.Answer.StatusCode);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(204)]
    public async Task ServiceDiesAfterTheLastEvent_AndHasNoMore_TheStreamIsWhatThereWas(int status)
    {
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers["Durable-Stream"] = "resume";
            context.Response.Headers["X-Attempt"] = $"{_lastIds.Count}";
            _lastIds.Add(context.Request.Headers["Last-Event-ID"]);
            context.Response.StatusCode = _lastIds.Count == 1 ? 200 : status;
            if (_lastIds.Count > 1) return;
            await context.Response.WriteAsync("id: 1\ndata: one\n\n");
            await context.Response.Body.FlushAsync();
            await _script.Reader.ReadAsync();
            context.Abort();
        });
        await using var gateway = await GatewayAsync(service);
        using var live = await OpenAsync(gateway, "/ticker");
        var url = live.Answer.Headers.GetValues("Durable-Result").Single();
        Assert.Equal("id: 1|data: one||", await live.ReadAsync(3));
        await SayAsync((string?)null);

        using var result = await gateway.Follower.GetAsync(url);
        Assert.Equal((HttpStatusCode.OK, "id: 1\ndata: one\n\n"), (result.StatusCode, await result.Content.ReadAsStringAsync()));
        Assert.Equal([null, "1"], _lastIds);
        using var over = await OpenAsync(gateway, url, "1");
        Assert.Equal(HttpStatusCode.NoContent, over.Answer.StatusCode);
    }

    [Fact]
    public async Task ServiceDiesBeforeTheFirstEvent_ClientComesBack_ForTheStreamAndNotForProgress()
    {
        await using var service = await StartAsync(resume: true);
        await using var gateway = await GatewayAsync(service);
        using var live = await OpenAsync(gateway, "/ticker");
        var url = live.Answer.Headers.GetValues("Durable-Result").Single();
        using var again = await OpenAsync(gateway, url);
        await SayAsync((string?)null);
        await SayAsync("id: 1\ndata: one\n\n", "end");
        Assert.Equal("id: 1|data: one||", await again.ReadAsync(3));
        Assert.Null(await again.ReadAsync(1));
    }

    [Fact]
    public async Task StreamThatBegan_AndIsAnotherResultInTheEnd_IsThatResult()
    {
        var attempts = 0;
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            if (++attempts > 1)
            {
                await context.Response.WriteAsync("no stream");
                return;
            }

            context.Response.ContentType = "text/event-stream";
            context.Response.Headers["Durable-Stream"] = "resume";
            await context.Response.Body.FlushAsync();
            await _script.Reader.ReadAsync();
            context.Abort();
        });
        await using var gateway = await GatewayAsync(service);
        using var live = await OpenAsync(gateway, "/ticker");
        var url = live.Answer.Headers.GetValues("Durable-Result").Single();
        await SayAsync((string?)null);
        Assert.Equal("no stream", await gateway.Follower.GetStringAsync(url));
        using var watched = await gateway.Client.SendAsync(new HttpRequestMessage(HttpMethod.Get,
            url)
        { Headers = { { "Accept", "text/event-stream" } } }).WaitAsync(World.Patience);
        Assert.Contains("event: result", await watched.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutTheHeader_TheStreamPassesAtOnce_AndIsRetriedWhole()
    {
        await using var service = await StartAsync(resume: false);
        await using var gateway = await GatewayAsync(service);
        using var live = await OpenAsync(gateway, "/ticker");
        var url = live.Answer.Headers.GetValues("Durable-Result").Single();
        await SayAsync("id: 1\ndata: one\n\n");
        Assert.Equal("id: 1|data: one||", await live.ReadAsync(3));
        await SayAsync((string?)null);
        await Assert.ThrowsAnyAsync<IOException>(() => live.ReadAsync(1));
        await SayAsync("id: 1\ndata: one\n\n", "id: 2\ndata: two\n\n", "end");
        Assert.Equal("id: 1\ndata: one\n\nid: 2\ndata: two\n\n", await gateway.Follower.GetStringAsync(url));
    }

    [Fact]
    public async Task WithoutTheHeader_AClientThatComesBack_GetsWhatItHasNotGot()
    {
        await using var service = await StartAsync(resume: false);
        await using var gateway = await GatewayAsync(service);
        var url = await BreakOffAsync(gateway);
        var coming = OpenAsync(gateway, url, "2");
        await SayAsync("id: 1\ndata: one\n\n", "id: 2\ndata: two\n\n", "id: 3\ndata: three\n\n", "end");
        using var again = await coming;
        Assert.Equal("id: 3|data: three||", await again.ReadAsync(3));
        Assert.Null(await again.ReadAsync(1));
        using var over = await OpenAsync(gateway, url, "3");
        Assert.Equal(HttpStatusCode.NoContent, over.Answer.StatusCode);

        // The gateway cannot know which events of another stream the client has.
        using var other = await OpenAsync(gateway, url, "x");
        Assert.Equal("id: 1|data: one||id: 2|data: two||id: 3|data: three||", await other.ReadAsync(9));
    }

    [Fact]
    public async Task Client_WhoseEventsWereNotKept_IsNotGivenThemAgain()
    {
        var resume = false;
        await using var service = await StartAsync(() => resume);
        await using var gateway = await GatewayAsync(service);
        var url = await BreakOffAsync(gateway);
        resume = true;
        var coming = OpenAsync(gateway, url, "2");
        await SayAsync("id: 1\ndata: one\n\n");
        using var late = await OpenAsync(gateway, url, "1");
        await SayAsync("id: 2\ndata: two\n\n");
        Assert.Equal("id: 2|data: two||", await late.ReadAsync(3));
        using var again = await coming;
        await SayAsync("id: 3\ndata: three\n\n", "end");
        Assert.Equal("id: 3|data: three||", await again.ReadAsync(3));
        Assert.Null(await again.ReadAsync(1));
    }

    [Fact]
    public async Task Client_ThatIsGone_LosesNothing()
    {
        await using var service = await StartAsync(resume: true);
        await using var gateway = await GatewayAsync(service);
        string url;
        using (var live = await OpenAsync(gateway, "/ticker"))
        {
            url = live.Answer.Headers.GetValues("Durable-Result").Single();
            await SayAsync("id: a\ndata: 1\n\n");
            Assert.Equal("id: a|data: 1||", await live.ReadAsync(3));
        }

        await SayAsync("id: b\ndata: 2\n\n", "id: c\ndata: 3\n\n");
        using var again = await OpenAsync(gateway, url, "a");
        Assert.Equal("id: b|data: 2||id: c|data: 3||", await again.ReadAsync(6));
        await SayAsync("end");
        Assert.Null(await again.ReadAsync(1));
    }

    /// <summary>The memory for an event without an end is limited as for any response.</summary>
    [Theory]
    [InlineData("data: ")]
    [InlineData("id: 1\ndata: 1\n\ndata: ")]
    public async Task EventThatDoesNotEnd_IsNoLargerThanTheStreamMayBe(string start)
    {
        var opened = new TaskCompletionSource();
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers["Durable-Stream"] = "resume";
            await context.Response.Body.FlushAsync();

            // A client that is cut off before it has read the head does not know the run.
            await opened.Task;
            await context.Response.WriteAsync(start + new string('a', 2000));
            await context.Response.Body.FlushAsync();
            await new TaskCompletionSource().Task.WaitAsync(context.RequestAborted);
        });
        await using var gateway = await GatewayAsync(service, "Durable:Policies:default:MaxResponseBytes=1024");
        using var live = await OpenAsync(gateway, "/ticker");
        opened.SetResult();
        var url = live.Answer.Headers.GetValues("Durable-Result").Single();
        using var result = await gateway.Client.GetAsync(url).WaitAsync(World.Patience);
        Assert.Contains("response-too-large", await result.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    /// <summary>The last part of the stream may make it too large.</summary>
    [Fact]
    public async Task StreamWhoseLastEventHasNoEnd_AndIsTooLarge_EndsTheRun()
    {
        await using var service = await StartAsync(resume: true);
        await using var gateway = await GatewayAsync(service, "Durable:Policies:default:MaxResponseBytes=1024");
        using var live = await OpenAsync(gateway, "/ticker");
        var url = live.Answer.Headers.GetValues("Durable-Result").Single();
        string[] words = ["id: 1\ndata: " + new string('a', 600) + "\n\n", "data: " + new string('b', 600), "end"];
        await SayAsync(words);
        using var result = await gateway.Client.GetAsync(url).WaitAsync(World.Patience);
        Assert.Contains("response-too-large", await result.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal([null], _lastIds);
    }

    /// <summary>The available events are not the whole stream, so the response must not end and must not be <c>204</c>.</summary>
    [Theory]
    [InlineData("fails", HttpStatusCode.BadGateway)]
    [InlineData("is cancelled", HttpStatusCode.Gone)]
    [InlineData("ends otherwise", HttpStatusCode.OK)]
    public async Task RunWhoseStreamIsNotWhole_CutsItsClientsOff_AndThenTellsThemWhatBecameOfIt(string how, HttpStatusCode status)
    {
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            _lastIds.Add(context.Request.Headers["Last-Event-ID"]);
            if (_lastIds.Count > 1 && how == "ends otherwise")
            {
                await context.Response.WriteAsync("no stream");
                return;
            }

            context.Response.ContentType = "text/event-stream";
            context.Response.Headers["Durable-Stream"] = "resume";
            if (_lastIds.Count == 1) await context.Response.WriteAsync("id: 1\ndata: one\n\nid: 2\ndata: two\n\nid: 3\ndata: three\n\n");
            await context.Response.Body.FlushAsync();
            await _script.Reader.ReadAsync(context.RequestAborted);
            context.Abort();
        });
        await using var gateway = await GatewayAsync(
            service, "Durable:Policies:default:Retry:MaxAttempts=2", "Durable:Policies:default:AllowCancel=true");
        using var live = await OpenAsync(gateway, "/ticker");
        var url = live.Answer.Headers.GetValues("Durable-Result").Single();
        Assert.Equal("id: 1|data: one||id: 2|data: two||id: 3|data: three||", await live.ReadAsync(9));
        using var watching = await OpenAsync(gateway, url, "2");
        Assert.Equal("id: 3|data: three||", await watching.ReadAsync(3));
        if (how == "is cancelled")
        {
            using var cancelled = await gateway.Client.DeleteAsync(url.Replace("?", "/run?", StringComparison.Ordinal));
            Assert.Equal(HttpStatusCode.NoContent, cancelled.StatusCode);
        }
        else
        {
            await SayAsync(null, null);
        }

        await Assert.ThrowsAnyAsync<IOException>(() => watching.ReadAsync(1));
        using var over = await OpenAsync(gateway, url, "3");
        Assert.Equal(status, over.Answer.StatusCode);
        Assert.NotEqual("text/event-stream", over.Answer.Content.Headers.ContentType?.MediaType);

        // Like an EventSource, reconnect with the id of the last received event until the gateway says to stop.
        var (seen, last, answers) = ("", (string?)null, 0);
        while (true)
        {
            using var late = await OpenAsync(gateway, url, last);
            if (late.Answer.Content.Headers.ContentType?.MediaType != "text/event-stream") break;
            Assert.True(++answers < 100, "It is told.");
            try
            {
                while (true)
                {
                    var read = await late.ReadAsync(3);
                    Assert.NotNull(read);
                    seen += read;
                    last = read.Split('|')[0]["id: ".Length..];
                }
            }
            catch (IOException)
            {
                // This is expected.
            }
        }

        Assert.Equal("id: 1|data: one||id: 2|data: two||id: 3|data: three||", seen);
    }

    [Fact]
    public async Task RunThatIsAnotherNodesByNow_CutsItsClientOff()
    {
        await using var service = await StartAsync(resume: true);
        await using var gateway = await GatewayAsync(service, "Durable:Lease=00:05:00");
        using var live = await OpenAsync(gateway, "/ticker");
        await SayAsync("id: 1\ndata: one\n\n");
        Assert.Equal("id: 1|data: one||", await live.ReadAsync(3));
        Assert.True(RunId.TryParse(live.Answer.Headers.GetValues("Durable-Run-Id").Single(), out var run));
        var later = TimeProvider.System.GetUtcNow().AddHours(1);
        Assert.NotNull(await gateway.Store.ClaimAsync(run, "another node", later, later.AddHours(1), 7));
        await SayAsync("end");

        await Assert.ThrowsAnyAsync<IOException>(() => live.ReadAsync(1));
    }

    /// <summary>Headers that describe the whole stream do not describe a part of it.</summary>
    [Fact]
    public async Task RestOfAStoredStream_HasNoLengthAndNoValidatorOfTheWhole()
    {
        const string Events = "id: 1\ndata: one\n\nid: 2\ndata: two\n\n";
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 200;
            if (count == 1) return;
            context.Response.ContentType = "text/event-stream";
            context.Response.ContentLength = Events.Length;
            context.Response.Headers.ETag = "\"whole\"";
            context.Response.Headers["Content-Digest"] = "sha-256=:AA==:";
            context.Response.Headers["X-Kept"] = "1";
            await context.Response.WriteAsync(Events);
        });
        await using var gateway = await GatewayAsync(service);
        using var redirect = await gateway.Client.GetAsync("/ticker");
        var url = redirect.Headers.Location!.OriginalString;
        Assert.Equal(Events, await gateway.Follower.GetStringAsync(url).WaitAsync(World.Patience));

        using var rest = await OpenAsync(gateway, url, "1");
        Assert.Equal("id: 2|data: two||", await rest.ReadAsync(3));
        Assert.Null(await rest.ReadAsync(1));
        Assert.True(rest.Answer.Headers.Contains("X-Kept"));
        Assert.False(rest.Answer.Headers.Contains("ETag"));
        Assert.False(rest.Answer.Headers.Contains("Content-Digest"));
    }

    /// <summary>The gateway does not know the events of an encoded result, so a client gets all of it.</summary>
    [Fact]
    public async Task EncodedStream_IsGivenWhole()
    {
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 200;
            if (count == 1) return;
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers.ContentEncoding = "x-test";
            await context.Response.WriteAsync("encoded");
        });
        await using var gateway = await GatewayAsync(service);
        using var redirect = await gateway.Client.GetAsync("/ticker");
        var url = redirect.Headers.Location!.OriginalString;

        using var all = await OpenAsync(gateway, url, "1");
        Assert.Equal("encoded|", await all.ReadAsync(1));
        Assert.Equal("x-test", all.Answer.Content.Headers.ContentEncoding.Single());
    }

    private static async Task<GatewayHost> GatewayAsync(TestService service, params string[] more)
    {
        string[] wanted = ["Durable:Policies:default:Retry:MaxAttempts=100", .. more];
        return await GatewayHost.StartAsync(service.Url,
            [.. wanted, .. await TStore.SettingsAsync([.. wanted, Guid.NewGuid().ToString()])]);
    }

    private async Task SayAsync(params string?[] words)
    {
        foreach (var word in words) await _script.Writer.WriteAsync(word);
    }

    /// <summary>The service dies after the client has received two events.</summary>
    /// <returns>The result URL.</returns>
    private async Task<string> BreakOffAsync(GatewayHost gateway)
    {
        using var live = await OpenAsync(gateway, "/ticker");
        var url = live.Answer.Headers.GetValues("Durable-Result").Single();
        await SayAsync("id: 1\ndata: one\n\n", "id: 2\ndata: two\n\n");
        Assert.Equal("id: 1|data: one||id: 2|data: two||", await live.ReadAsync(6));
        await SayAsync((string?)null);
        await Assert.ThrowsAnyAsync<IOException>(() => live.ReadAsync(1));
        return url;
    }

    private Task<TestService> StartAsync(bool resume) => StartAsync(() => resume);

    private Task<TestService> StartAsync(Func<bool> resume) => TestService.StartAsync(async (context, _) =>
    {
        _lastIds.Add(context.Request.Headers["Last-Event-ID"] is { Count: > 0 } last ? last.ToString() : null);
        context.Response.ContentType = "text/event-stream";
        if (resume()) context.Response.Headers["Durable-Stream"] = "resume";
        await context.Response.Body.FlushAsync();
        await foreach (var word in _script.Reader.ReadAllAsync(context.RequestAborted))
        {
            if (word == "end") return;
            if (word is null)
            {
                context.Abort();
                return;
            }

            await context.Response.WriteAsync(word);
            await context.Response.Body.FlushAsync();
        }
    });

    private static async Task<Lines> OpenAsync(GatewayHost gateway, string url, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        if (lastEventId is not null) request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        var answer = await gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(World.Patience);
        return new Lines(answer, new StreamReader(await answer.Content.ReadAsStreamAsync()));
    }

    private sealed class Lines(HttpResponseMessage answer, StreamReader reader) : IDisposable
    {
        public HttpResponseMessage Answer => answer;

        /// <summary>Some lines, each followed by a bar; <see langword="null"/> at the end of the stream.</summary>
        public async Task<string?> ReadAsync(int count)
        {
            var lines = "";
            for (var i = 0; i < count; i++)
            {
                if (await reader.ReadLineAsync().WaitAsync(World.Patience) is not { } line) return lines.Length == 0 ? null : lines;
                lines += line + "|";
            }

            return lines;
        }

        public void Dispose()
        {
            reader.Dispose();
            answer.Dispose();
        }
    }
}
