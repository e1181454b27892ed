using System.IO.Compression;
using System.Net;
using DurableGateway.Proxy;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>Bodies that are small on the wire and large when they are opened, or that never come.</summary>
public sealed class BodyTests
{
    private const int Opened = 64 << 20;

    private static readonly byte[] Bomb = Compress();

    [Fact]
    public async Task CompressedBodies_AreNeverOpened()
    {
        await using var world = await World.StartAsync();
        Assert.True(Bomb.Length < Opened / 500);
        using var content = new ByteArrayContent(Bomb);
        content.Headers.ContentEncoding.Add("gzip");
        content.Headers.ContentType = new("application/json");
        var live = world.Gateway.Client.PostAsync(world.Path, content);
        var attempt = await world.NextAttemptAsync();
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutBytesAsync("zip", Bomb, ("Content-Type", "application/gzip"))).Status);
        attempt.Answer(503);
        using var redirect = await live;
        (await world.NextAttemptAsync()).AnswerBytes(200, Bomb, ("Content-Encoding", "gzip"), ("Content-Type", "application/json"));

        Assert.Equal(Bomb, await world.Gateway.Client.GetByteArrayAsync(redirect.Headers.Location));
        foreach (var path in new[] { "request/body", "response/body", "steps/zip/body" })
            Assert.Equal(Bomb, (await world.CallAsync(HttpMethod.Get, $"runs/{attempt.RunId}/{path}")).Body);
        foreach (var path in new[] { "", "?step=zip" })
        {
            var page = await world.Gateway.Client.GetStringAsync(new Uri(world.Gateway.Control, $"/runs/{attempt.RunId}{path}"));
            Assert.InRange(page.Length, 1000, 200_000);
        }
    }

    /// <summary>Masking has to look into bodies; what is compressed it covers whole.</summary>
    [Fact]
    public async Task CompressedBodies_AreNotOpenedToBeMasked()
    {
        await using var world = await World.StartAsync("Durable:Admin:Mask:JsonPaths:0=secret");
        var url = await world.ParkAsync();
        var replay = await world.NextAttemptAsync();
        replay.AnswerBytes(200, Bomb, ("Content-Encoding", "gzip"), ("Content-Type", "application/json"));
        await world.Gateway.Client.GetByteArrayAsync(url);
        Assert.Equal("***", (await world.CallAsync(HttpMethod.Get, $"runs/{replay.RunId}/response/body")).Text);
    }

    /// <summary>Memory is taken for what has arrived, not for what is announced.</summary>
    [Fact]
    public async Task AnnouncedLength_TakesNoMemory()
    {
        const int Announced = 64 << 20;
        using var body = new RequestCapture(new MemoryStream([1]), Announced, Announced);
        var buffer = new byte[16];
        var before = GC.GetAllocatedBytesForCurrentThread();
        var read = body.ReadAsync(buffer);
        var taken = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(1, await read);
        Assert.InRange(taken, 0, 1 << 20);
    }

    /// <summary>JSON that nests deeper than any reader goes is text, on the page and where it is masked.</summary>
    [Fact]
    public async Task DeepJson_BringsNothingDown()
    {
        await using var world = await World.StartAsync("Durable:Admin:Mask:JsonPaths:0=secret");
        var url = await world.ParkAsync();
        var replay = await world.NextAttemptAsync();
        replay.Answer(200, new string('[', 100_000), ("Content-Type", "application/json"));
        await world.Gateway.Client.GetByteArrayAsync(url);
        Assert.Equal("***", (await world.CallAsync(HttpMethod.Get, $"runs/{replay.RunId}/response/body")).Text);
        using var page = await world.Gateway.Client.GetAsync(new Uri(world.Gateway.Control, $"/runs/{replay.RunId}"));
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
    }

    /// <summary>Who has no key or token cannot make the control listener wait for a body, or hold one.</summary>
    [Theory]
    [InlineData("POST /_durable/v1/events", "Content-Type: application/cloudevents+json", 401)]
    [InlineData("PUT /_durable/v1/runs/01a20679-cce6-73be-b275-852ca4b597ac/steps/a", "Durable-Token: x", 401)]
    [InlineData("POST /_durable/v1/admin/actions", "Authorization: Bearer wrong\r\nContent-Type: application/json", 401)]
    public async Task Strangers_AreRefusedBeforeTheirBodyIsRead(string request, string header, int status)
    {
        await using var world = await World.StartAsync(World.RetryMuchLater, "Durable:Admin:ApiKeys:0=a-key-that-is-long-enough");
        using var wire = await Wire.ConnectAsync(world.Gateway.Control);
        await wire.WriteAsync($"{request} HTTP/1.1\r\nHost: x\r\n{header}\r\nContent-Length: 1000000\r\n\r\n{{");
        Assert.Equal(status, (await wire.ReadHeadAsync())!.Status);
    }

    private static byte[] Compress()
    {
        using var target = new MemoryStream();
        using (var zip = new GZipStream(target, CompressionLevel.Optimal))
        {
            var zeros = new byte[1 << 20];
            for (var i = 0; i < Opened / zeros.Length; i++) zip.Write(zeros);
        }

        return target.ToArray();
    }
}
