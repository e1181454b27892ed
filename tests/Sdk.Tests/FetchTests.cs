using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using DurableGateway.Client.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Client.Tests;

/// <summary>Steps that send an HTTP request and store its response.</summary>
public sealed class FetchTests
{
    private readonly FakeRun _run = new();
    private int _sent;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Response_IsTheSame_NowAndInEachReplay(bool inlined)
    {
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            var verdict = await _run.AttemptAsync(
                async step =>
                {
                    using var response = await step.FetchAsync("rate", _ => Send(Full()));
                    Assert.Equal((HttpStatusCode.Created, "Made", new Version(1, 1)),
                        (response.StatusCode, response.ReasonPhrase, response.Version));
                    Assert.Equal(["a=1", "b=2"], response.Headers.GetValues("Set-Cookie"));
                    Assert.Equal("\"v1\"", response.Headers.ETag?.Tag);
                    Assert.Equal("text/plain; charset=utf-8", response.Content.Headers.ContentType?.ToString());
                    Assert.Equal(["de", "en"], response.Content.Headers.ContentLanguage);
                    Assert.False(response.Headers.Contains("Connection"));
                    Assert.Equal("grün", await response.Content.ReadAsStringAsync());
                    Assert.Equal(5, response.Content.Headers.ContentLength);
                },
                inlined: inlined);
            Assert.True(verdict.IsCompleted);
        }

        Assert.Equal(1, _sent);
    }

    [Fact]
    public async Task Stored_IsSelfDescribingJson()
    {
        await _run.AttemptAsync(step => step.FetchAsync("rate", _ => Send(Full())));

        Assert.Equal("application/vnd.durable.http-response+json", _run["rate"].ContentType);
        var json = JsonDocument.Parse(_run["rate"].Body).RootElement;
        Assert.Equal((201, "Made", "1.1"),
            (json.GetProperty("status").GetInt32(), json.GetProperty("reason").GetString(), json.GetProperty("version").GetString()));
        Assert.Equal("grün", Encoding.UTF8.GetString(json.GetProperty("body").GetBytesFromBase64()));
        Assert.Contains(json.GetProperty("headers").EnumerateArray(),
            header => header[0].GetString() == "Set-Cookie" && header[1].GetString() == "b=2");
    }

    [Fact]
    public async Task Body_IsReadInTheStep_AndTheResponseDisposedOf()
    {
        var content = new WatchedContent();

        await _run.AttemptAsync(async step =>
        {
            using var response = await step.FetchAsync("rate", _ => Send(new HttpResponseMessage { Content = content }));
            Assert.Equal("read", await response.Content.ReadAsStringAsync());
        });

        Assert.True(content.Disposed);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(302)]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(409)]
    [InlineData(501)]
    [InlineData(505)]
    public async Task OtherStatuses_AreResults(int status)
    {
        var verdict = await _run.AttemptAsync(async step =>
        {
            using var response = await step.FetchAsync("rate", _ => Send(new HttpResponseMessage((HttpStatusCode)status)));
            Assert.Equal(status, (int)response.StatusCode);
        });

        Assert.True(verdict.IsCompleted);
    }

    [Theory]
    [InlineData(408)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task FailingStatuses_AreFailedTries_UntilTheyAreUsedUp(int status)
    {
        Task Handler(IStep step) => step.FetchAsync("rate", _ => Send(new HttpResponseMessage((HttpStatusCode)status)
        {
            RequestMessage = new HttpRequestMessage(HttpMethod.Get, "https://rates.example/eur?key=secret"),
        }));

        (await _run.AttemptAsync(Handler)).AssertSuspended();
        (await _run.AttemptAsync(Handler)).AssertSuspended();
        var verdict = await _run.AttemptAsync(Handler);

        verdict.AssertFailed("?0");
        Assert.Equal(3, _sent);
        var problem = StepProblem.Parse(_run["rate"].Body);
        Assert.Equal(status, problem.Status);
        Assert.StartsWith($"rates.example answered {status}", problem.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", _run["rate"].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RetryAfter_IsPassedOn()
    {
        using var busy = new HttpResponseMessage(HttpStatusCode.TooManyRequests)
        {
            Headers = { RetryAfter = new RetryConditionHeaderValue(TimeSpan.FromSeconds(120)) }
        };

        (await _run.AttemptAsync(step => step.FetchAsync("rate", _ => Send(busy)))).AssertSuspended();

        Assert.Equal(("failed", "120"),
            (Assert.Single(_run.Gateway.Puts)["Durable-Step-Outcome"], _run.Gateway.Puts.Single()["Retry-After"]));
    }

    [Theory]
    [InlineData(90, "90")]
    [InlineData(-90, "0")]
    public async Task RetryAfter_AsADate_IsTheTimeUntilThen(int seconds, string passedOn)
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 23, 0, 0, 0, TimeSpan.Zero));
        using var busy = new HttpResponseMessage(HttpStatusCode.ServiceUnavailable)
        {
            Headers = { RetryAfter = new RetryConditionHeaderValue(time.GetUtcNow().AddSeconds(seconds)) },
        };

        var options = new DurableStepsOptions { TimeProvider = time };
        var attempt = _run.AttemptAsync(step => step.FetchAsync("rate", _ => Send(busy)), options: options);
        await _run.Gateway.ReportOf("rate");
        await time.AdvanceUntilAsync(attempt, options.SuspendAfter);

        Assert.Equal(passedOn, Assert.Single(_run.Gateway.Puts)["Retry-After"]);
    }

    [Fact]
    public async Task NoConnection_IsAFailedTry() =>
        (await _run.AttemptAsync(step => step.FetchAsync("rate", _ => throw new HttpRequestException("refused")))).AssertSuspended();

    [Fact]
    public async Task Client_SendsARequestThatIsMadeAnewForEachTry()
    {
        var requests = 0;
        using var client = new HttpClient(new Other(() => ++_sent < 2 ? HttpStatusCode.BadGateway : HttpStatusCode.OK));
        Task Handler(IStep step) =>
            step.FetchAsync("rate", client, () => new HttpRequestMessage(HttpMethod.Get, $"http://rates.example/{++requests}"));

        (await _run.AttemptAsync(Handler)).AssertSuspended();
        Assert.True((await _run.AttemptAsync(Handler)).IsCompleted);
        Assert.True((await _run.AttemptAsync(Handler)).IsCompleted);

        Assert.Equal((2, 2), (requests, _sent));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"status":20000,"headers":[],"body":""}""")]
    [InlineData("""{"status":200,"headers":[["a"]],"body":""}""")]
    [InlineData("""{"status":200,"headers":[],"body":"!"}""")]
    [InlineData("oops")]
    public async Task StoredThatIsNoResponse_FailsTheAttempt_AndSaysWhatToDo(string stored)
    {
        _run.Complete("rate", "run", stored);

        var verdict = await _run.AttemptAsync(step => step.FetchAsync("rate", _ => Send(new HttpResponseMessage())));

        verdict.AssertFailed("?1");
        Assert.Equal(0, _sent);
    }

    [Fact]
    public async Task Misuse_SaysWhatToDo()
    {
        await _run.AttemptAsync(async step =>
        {
            using var client = new HttpClient();
            await Assert.ThrowsAsync<ArgumentNullException>(() => step.FetchAsync("rate", null!));
            await Assert.ThrowsAsync<ArgumentNullException>(() => step.FetchAsync("rate", client, null!));
            await Assert.ThrowsAsync<ArgumentNullException>(() =>
                step.FetchAsync("rate", (HttpClient)null!, () => new HttpRequestMessage()));
            var e = await Assert.ThrowsAsync<StepUsageException>(() =>
                step.FetchAsync("rate", _ => Task.FromResult<HttpResponseMessage>(null!)));
            Assert.Contains("'rate'", e.Message, StringComparison.Ordinal);
        });
    }

    private static HttpResponseMessage Full()
    {
        var response = new HttpResponseMessage(HttpStatusCode.Created) { ReasonPhrase = "Made", Content = new StringContent("grün") };
        response.Headers.Add("Set-Cookie", ["a=1", "b=2"]);
        response.Headers.ETag = new EntityTagHeaderValue("\"v1\"");
        response.Headers.Connection.Add("keep-alive");
        response.Content.Headers.ContentLanguage.Add("de");
        response.Content.Headers.ContentLanguage.Add("en");
        return response;
    }

    private Task<HttpResponseMessage> Send(HttpResponseMessage response)
    {
        _sent++;
        return Task.FromResult(response);
    }

    private sealed class Other(Func<HttpStatusCode> status) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage(status()) { RequestMessage = request });
    }

    private sealed class WatchedContent : HttpContent
    {
        public bool Disposed { get; private set; }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            stream.WriteAsync("read"u8.ToArray()).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }

        protected override void Dispose(bool disposing)
        {
            Disposed = true;
            base.Dispose(disposing);
        }
    }
}
