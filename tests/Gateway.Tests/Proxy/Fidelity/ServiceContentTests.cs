using System.Net;
using DurableGateway.Proxy;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>When the body of a response counts as complete.</summary>
[Trait("Category", "Unit")]
public sealed class ServiceContentTests
{
    [Theory]
    [InlineData("GET", 200, 4L, 4, true)]
    [InlineData("GET", 200, null, 4, true)]
    [InlineData("GET", 200, 0L, 0, true)]
    [InlineData("HEAD", 200, 4L, 0, true)]
    [InlineData("GET", 304, 4L, 0, true)]
    [InlineData("GET", 200, 5L, 4, false)]
    [InlineData("GET", 200, 3L, 4, false)]
    public async Task Body_ThatEnds_IsWholeWhereItHasItsLength(string method, int status, long? length, int sent, bool whole)
    {
        using var response = Response(method, status, new MemoryStream(new byte[sent]), length);
        var content = ServiceContent.Watch(response, Timeout.InfiniteTimeSpan, TimeProvider.System, TestContext.Current.CancellationToken);
        var body = await content.ReadAsStreamAsync(TestContext.Current.CancellationToken);

        // YARP waits for bytes with an empty buffer before it takes a buffer for them. This read is not the end.
        Assert.Equal(0, await body.ReadAsync(Memory<byte>.Empty, TestContext.Current.CancellationToken));
        Assert.False(content.HasEnded);
        var error = await Record.ExceptionAsync(async () => await body.CopyToAsync(Stream.Null));

        Assert.Equal((whole, whole), (content.HasEnded, error is null));
        if (!whole) Assert.IsType<IOException>(error);
    }

    [Fact]
    public async Task Silence_EndsTheBody_AndTheTokenOfTheReaderDoesNot()
    {
        using var response = Response("GET", 200, new SilentStream(), null);
        var content = ServiceContent.Watch(response, TimeSpan.FromMilliseconds(50), TimeProvider.System, CancellationToken.None);
        var body = await content.ReadAsStreamAsync(TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<IOException>(async () => await body.ReadExactlyAsync(new byte[10], new CancellationToken(canceled: true)));

        Assert.False(content.HasEnded);
    }

    [Fact]
    public async Task EndOfTheAttempt_EndsTheBody()
    {
        using var aborted = new CancellationTokenSource();
        using var response = Response("GET", 200, new SilentStream(), null);
        var content = ServiceContent.Watch(response, TimeSpan.FromMinutes(5), TimeProvider.System, aborted.Token);
        var read = (await content.ReadAsStreamAsync(TestContext.Current.CancellationToken)).ReadExactlyAsync(new byte[10],
            TestContext.Current.CancellationToken);

        await aborted.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await read);
        Assert.False(content.HasEnded);
    }

    private static HttpResponseMessage Response(string method, int status, Stream body, long? length)
    {
        var response = new HttpResponseMessage((HttpStatusCode)status)
        {
            RequestMessage = new HttpRequestMessage(new HttpMethod(method), "http://service/"),
            Content = new StreamContent(body),
        };
        response.Content.Headers.ContentLength = length;
        return response;
    }

    private sealed class SilentStream : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return 0;
        }
    }
}
