using System.Net;
using System.Text;
using DurableGateway.Client.Http;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>The client: a request to a durable route, until its final response.</summary>
public sealed class DurableClientTests
{
    private const string Result = "http://gateway/_durable/v1/results/01a20679-cce6-73be-b275-852ca4b597ac?token=t0k3n";

    [Fact]
    public async Task SendAsync_ResponseAtOnce_IsGiven()
    {
        var gateway = new Script(_ => Answer(200, "done"));

        using var response = await gateway.PostAsync();

        Assert.Equal("done", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Single(gateway.Requests);
    }

    [Fact]
    public async Task SendAsync_NotSafe_GetsAKey()
    {
        var gateway = new Script(_ => Answer(200));

        using var response = await gateway.PostAsync();

        Assert.Matches("^\"[0-9a-f]{32}\"$", gateway.Requests[0].Key);
    }

    [Fact]
    public async Task SendAsync_OwnKey_IsKept()
    {
        var gateway = new Script(_ => Answer(200));

        using var response = await gateway.SendAsync(HttpMethod.Post, request => request.Headers.Add("Idempotency-Key", "\"mine\""));

        Assert.Equal("\"mine\"", gateway.Requests[0].Key);
    }

    [Fact]
    public async Task SendAsync_Get_GetsNoKey()
    {
        var gateway = new Script(_ => Answer(200));

        using var response = await gateway.SendAsync(HttpMethod.Get);

        Assert.Null(gateway.Requests[0].Key);
    }

    [Fact]
    public async Task SendAsync_LostAnswer_IsSentAgainUnderTheSameKey()
    {
        var gateway = new Script(number => number < 3 ? throw new HttpRequestException("cut") : Answer(200, "done"));

        using var response = await gateway.PostAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(3, gateway.Requests.Count);
        Assert.Single(gateway.Requests.Select(request => request.Key).Distinct());
        Assert.All(gateway.Requests, request => Assert.Equal("order", request.Body));
    }

    [Fact]
    public async Task SendAsync_NoAnswerAtAll_IsThrown()
    {
        var gateway = new Script(_ => throw new HttpRequestException("cut"));

        await Assert.ThrowsAsync<HttpRequestException>(gateway.PostAsync);

        Assert.Equal(6, gateway.Requests.Count);
    }

    [Fact]
    public async Task SendAsync_Redirects_AreFollowedHoweverMany()
    {
        var gateway = new Script(number => number <= 60 ? SeeOther($"{Result}&hop={number}") : Answer(200, "done", "completed"));

        using var response = await gateway.PostAsync();

        Assert.Equal("done", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.All(gateway.Requests.Skip(1), request => Assert.Equal(("GET", null, ""), (request.Method, request.Key, request.Body)));
    }

    [Fact]
    public async Task SendAsync_NotYetThere_BeginsAnewAtTheResult()
    {
        var gateway = new Script(number => number switch
        {
            1 => SeeOther(Result),
            2 => SeeOther(Result + "&hop=1"),
            3 => Answer(202, "{}", "waiting"),
            _ => Answer(200, "done", "completed"),
        });

        using var response = await gateway.PostAsync();

        Assert.Equal([Result, Result + "&hop=1", Result], gateway.Requests.Skip(1).Select(request => request.Url));
    }

    [Theory]
    [InlineData("failed", 500)]
    [InlineData("cancelled", 410)]
    public async Task SendAsync_RunWithoutSuccess_IsItsResponse(string state, int status)
    {
        var gateway = new Script(number => number == 1 ? SeeOther(Result) : Answer(status, "no", state));

        using var response = await gateway.PostAsync();

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(2, gateway.Requests.Count);
    }

    [Fact]
    public async Task SendAsync_ResultLost_IsAskedForAgain()
    {
        var gateway = new Script(number => number switch
        {
            1 => SeeOther(Result),
            2 => throw new HttpRequestException("cut"),
            3 => Problem(503),
            _ => Answer(200, "done", "completed"),
        });

        using var response = await gateway.PostAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Single(gateway.Requests, request => request.Method == "POST");
    }

    [Fact]
    public async Task SendAsync_StoreAway_IsSentAgain()
    {
        var gateway = new Script(number => number == 1 ? Problem(503) : Answer(200, "done"));

        using var response = await gateway.PostAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(["POST", "POST"], gateway.Requests.Select(request => request.Method));
    }

    [Fact]
    public async Task SendAsync_ServiceAway_IsItsResponse()
    {
        var gateway = new Script(_ => Answer(503, "closed on Sundays"));

        using var response = await gateway.PostAsync();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Single(gateway.Requests);
    }

    [Fact]
    public async Task SendAsync_MayBeStored_IsAskedForThereAndSentAgainIfNot()
    {
        var gateway = new Script(number => number switch
        {
            1 => WithResult(Problem(503)),
            2 => Problem(404),
            _ => Answer(200, "done"),
        });

        using var response = await gateway.PostAsync();

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(["POST", "GET", "POST"], gateway.Requests.Select(request => request.Method));
    }

    [Fact]
    public async Task SendAsync_CutOff_IsReadFromTheResult()
    {
        var gateway = new Script(number => number == 1 ? WithResult(CutOff()) : Answer(200, "whole", "completed"));

        using var response = await gateway.PostAsync();

        Assert.Equal("whole", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task SendAsync_CutOffWithoutALength_IsReadFromTheResult()
    {
        var gateway = new Script(number => number == 1 ? WithResult(CutOff("half of i")) : Answer(200, "whole", "completed"));

        using var response = await gateway.PostAsync();

        Assert.Equal("whole", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(["POST", "GET"], gateway.Requests.Select(request => request.Method));
    }

    [Fact]
    public async Task SendAsync_CutOffWithoutAResultUrl_IsSentAgain()
    {
        var gateway = new Script(number => number == 1 ? OfRun(CutOff()) : Answer(200, "whole"));

        using var response = await gateway.SendAsync(HttpMethod.Get);

        Assert.Equal("whole", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(["GET", "GET"], gateway.Requests.Select(request => request.Method));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(0)]
    public async Task SendAsync_LongerThanTheBuffer_PassesAsItArrives(int max)
    {
        var gateway = new Script(_ => WithResult(CutOff("abcdef"))) { MaxBuffer = max };

        using var response = await gateway.PostAsync();

        using var body = await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var six = new byte[6];
        await body.ReadExactlyAsync(six, TestContext.Current.CancellationToken);
        Assert.Equal("abcdef"u8.ToArray(), six);
        await Assert.ThrowsAsync<IOException>(async () => await body.ReadExactlyAsync(six, TestContext.Current.CancellationToken));
        Assert.Single(gateway.Requests);
    }

    [Fact]
    public async Task SendAsync_WithoutALength_KeepsTheHeadersOfItsContent()
    {
        var gateway = new Script(_ => WithResult(new HttpResponseMessage
        {
            Content = new StreamContent(new Pieces("{}"))
            {
                Headers = { { "Content-Type", "application/json" }, { "Content-Language", "de" } },
            },
        }));

        using var response = await gateway.PostAsync();

        Assert.Equal(("application/json", "de", "{}"), (
            response.Content.Headers.ContentType?.MediaType,
            response.Content.Headers.ContentLanguage.Single(),
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task SendAsync_EventsAreCutOff_ContinueAfterTheLastWholeEvent()
    {
        var asked = new List<string>();
        var gateway = new Script(_ => WithResult(Events(new BrokenStream("id: 1\ndata: a\n\nid: 2\r\ndata: b\r\n\r\nid: 3\ndata: hal"))))
        {
            Watching = request =>
            {
                asked.Add(string.Join(",", request.Headers.TryGetValues("Last-Event-ID", out var ids) ? ids : []));
                return asked.Count switch
                {
                    1 => Problem(503),
                    2 => Events(new BrokenStream("id: 3\ndata: c\n\n")),
                    _ => Events(new Pieces("id: 4\ndata: d\n\n")),
                };
            },
        };

        using var response = await gateway.PostAsync();

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(
            "id: 1\ndata: a\n\nid: 2\r\ndata: b\r\n\r\nid: 3\ndata: c\n\nid: 4\ndata: d\n\n",
            await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(["2", "2", "3"], asked);
    }

    [Fact]
    public async Task SendAsync_EventsAreCutOff_AndWereTheLast_EndThere()
    {
        var gateway = new Script(_ => WithResult(Events(new BrokenStream("id: 1\ndata: a\n\n"))))
        {
            Watched = () => new HttpResponseMessage(HttpStatusCode.NoContent),
        };

        using var response = await gateway.PostAsync();

        Assert.Equal("id: 1\ndata: a\n\n", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task SendAsync_EventsAreCutOff_AndTheRunEndedOtherwise_Throws()
    {
        var gateway = new Script(_ => WithResult(Events(new BrokenStream("id: 1\ndata: a\n\n"))))
        {
            Watched = () => Answer(500, "no", "failed"),
        };

        using var response = await gateway.PostAsync();

        await Assert.ThrowsAsync<HttpRequestException>(
            () => response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task SendAsync_OfRedirectOfTheService_IsGiven()
    {
        var gateway = new Script(_ =>
            new HttpResponseMessage(HttpStatusCode.Found) { Headers = { Location = new Uri("/elsewhere", UriKind.Relative) } });

        using var response = await gateway.PostAsync();

        Assert.Equal(HttpStatusCode.Found, response.StatusCode);
    }

    [Fact]
    public async Task OnResultUrl_IsToldOfIt()
    {
        Uri? known = null;
        var relative = new Uri(Result).PathAndQuery;
        var gateway = new Script(number => number == 1 ? SeeOther(relative) : Answer(200, "done", "completed"));

        using var response = await gateway.SendAsync(HttpMethod.Post, request => request.OnResultUrl(at => known = at));

        Assert.Equal(Result, known?.AbsoluteUri);
    }

    [Fact]
    public async Task SendAsync_GetOfTheResultUrl_WaitsForIt()
    {
        var gateway = new Script(number => number == 1 ? Answer(202, "{}", "running") : Answer(200, "done", "completed"));

        using var response = await gateway.SendAsync(HttpMethod.Get, url: Result);

        Assert.Equal("done", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task OnProgress_IsToldOfSteps()
    {
        const string Events = "id: h1\nevent: attempt\ndata: {\"attempt\":2,\"time\":\"2026-11-23T08:00:01+00:00\"}\n\n"
            + "id: h2\nevent: step\n"
            + "data: {\"attempt\":2,\"step\":\"charge\",\"state\":\"completed\",\"time\":\"2026-11-23T08:00:01+00:00\"}\n\n"
            + "id: h-end\nevent: result\ndata: {\"status\":200}\n\n";
        var told = new List<RunProgress>();
        var gateway = new Script(number => number == 1 ? SeeOther(Result) : Answer(200, "done", "completed"))
        {
            Watched = () => new HttpResponseMessage { Content = new StringContent(Events, Encoding.UTF8, "text/event-stream") },
        };

        using var response = await gateway.SendAsync(HttpMethod.Post, request => request.OnProgress(new Collector(told)));

        Assert.Equal("done", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(
            [("attempt", 2, null, null), ("step", 2, "charge", "completed")],
            told.Select(one => (one.Kind, one.Attempt, one.Step, one.State)));
    }

    [Fact]
    public async Task OnProgress_ConnectionIsLost_ContinuesAfterTheLastEntry()
    {
        var asked = new List<string>();
        var told = new List<RunProgress>();
        var gateway = new Script(number => number == 1 ? SeeOther(Result) : Answer(200, "done", "completed"))
        {
            Watching = request =>
            {
                asked.Add(string.Join(",", request.Headers.TryGetValues("Last-Event-ID", out var ids) ? ids : []));
                return asked.Count == 1
                    ? Events(new BrokenStream("id: h1\nevent: attempt\ndata: {\"attempt\":1}\n\nid: h2\nevent: attempt\ndata: {\"att"))
                    : Events(new Pieces("id: h2\nevent: attempt\ndata: {\"attempt\":2}\n\nid: h-end\nevent: result\ndata: {}\n\n"));
            },
        };

        using var response = await gateway.SendAsync(HttpMethod.Post, request => request.OnProgress(new Collector(told)));

        Assert.Equal([1, 2], told.Select(one => one.Attempt));
        Assert.Equal(["", "h1"], asked);
    }

    [Fact]
    public async Task OnProgress_OfAStreamOfTheService_IsNotTold()
    {
        var told = new List<RunProgress>();
        var gateway = new Script(number => number == 1 ? SeeOther(Result) : Answer(200, "done", "completed"))
        {
            Watched = () => Events(new Pieces("id: 1\nevent: token\ndata: {\"step\":\"x\"}\n\n")),
        };

        using var response = await gateway.SendAsync(HttpMethod.Post, request => request.OnProgress(new Collector(told)));

        Assert.Empty(told);
    }

    [Fact]
    public async Task SendAsync_ProgressThatCannotBeRead_KeepsNobodyFromTheResult()
    {
        var gateway = new Script(number => number == 1 ? SeeOther(Result) : Answer(200, "done", "completed"))
        {
            Watched = () => throw new HttpRequestException("cut"),
        };

        using var response = await gateway.SendAsync(HttpMethod.Post, request => request.OnProgress(new Collector([])));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private static HttpResponseMessage Answer(int status, string body = "", string? state = null)
    {
        var response = new HttpResponseMessage((HttpStatusCode)status) { Content = new StringContent(body) };
        if (state is not null) response.Headers.Add("Durable-Status", state);
        return response;
    }

    private static HttpResponseMessage Problem(int status) =>
        new((HttpStatusCode)status) { Content = new StringContent("{}", Encoding.UTF8, "application/problem+json") };

    private static HttpResponseMessage SeeOther(string location) =>
        new(HttpStatusCode.SeeOther) { Headers = { { "Location", location }, { "Durable-Run-Id", FakeGateway.Run } } };

    private static HttpResponseMessage WithResult(HttpResponseMessage response)
    {
        response.Headers.Add("Durable-Result", Result);
        return OfRun(response);
    }

    private static HttpResponseMessage OfRun(HttpResponseMessage response)
    {
        response.Headers.Add("Durable-Run-Id", FakeGateway.Run);
        return response;
    }

    private static HttpResponseMessage CutOff()
    {
        var response = CutOff("");
        response.Content.Headers.ContentLength = 10;
        return response;
    }

    private static HttpResponseMessage CutOff(string begin) => new() { Content = new StreamContent(new BrokenStream(begin)) };

    private static HttpResponseMessage Events(Stream stream) =>
        new() { Content = new StreamContent(stream) { Headers = { { "Content-Type", "text/event-stream" } } } };

    /// <summary>A body of unknown length.</summary>
    private class Pieces(string text) : MemoryStream(Encoding.UTF8.GetBytes(text))
    {
        public override bool CanSeek => false;
    }

    /// <summary>A body of unknown length that is cut off after its text.</summary>
    private sealed class BrokenStream(string text) : Pieces(text)
    {
        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) =>
            throw new IOException("cut");

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            await base.ReadAsync(buffer, cancellationToken) is > 0 and var read ? read : throw new IOException("cut");
    }

    private sealed class Collector(List<RunProgress> told) : IProgress<RunProgress>
    {
        public void Report(RunProgress value) => told.Add(value);
    }

    private sealed record Sent(string Method, string Url, string? Key, string Body);

    /// <summary>A gateway that gives the n-th answer, from 1, to the n-th request. The progress is separate.</summary>
    private sealed class Script(Func<int, HttpResponseMessage> answer) : HttpMessageHandler
    {
        public List<Sent> Requests { get; } = [];

        public Func<HttpResponseMessage> Watched { get; init; } = () => new HttpResponseMessage(HttpStatusCode.NotFound);

        public Func<HttpRequestMessage, HttpResponseMessage>? Watching { get; init; }

        public int MaxBuffer { get; init; } = 1 << 20;

        public Task<HttpResponseMessage> PostAsync() => SendAsync(HttpMethod.Post);

        public async Task<HttpResponseMessage> SendAsync(
            HttpMethod method, Action<HttpRequestMessage>? prepare = null, string url = "http://gateway/orders")
        {
            // A stream of events is read, and connects again, when this has returned.
            var client = new HttpClient(new DurableClientHandler(this) { Delay = _ => TimeSpan.Zero, MaxBuffer = MaxBuffer });
            using var request = new HttpRequestMessage(method, url);
            if (method == HttpMethod.Post) request.Content = new StringContent("order");
            prepare?.Invoke(request);
            return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Headers.Accept.ToString() == "text/event-stream") return Watching?.Invoke(request) ?? Watched();
            Requests.Add(new Sent(
                request.Method.Method,
                request.RequestUri!.AbsoluteUri,
                request.Headers.TryGetValues("Idempotency-Key", out var keys) ? keys.Single() : null,
                request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken)));
            var response = answer(Requests.Count);
            response.RequestMessage = request;
            return response;
        }
    }
}
