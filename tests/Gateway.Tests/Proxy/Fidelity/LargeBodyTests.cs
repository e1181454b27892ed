using System.Net;
using System.Security.Cryptography;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>Bodies of 100 MB pass completely in both directions, and the gateway's memory does not grow with them.</summary>
public sealed class LargeBodyTests : IAsyncLifetime
{
    private const int Size = 100_000_000;

    /// <summary>
    /// In MiB: what a durable attempt may keep of its request and response (4 and 16), their growth, and memory not yet collected.
    /// </summary>
    private const int Allowed = 120;

    private static readonly byte[] Block = RandomNumberGenerator.GetBytes(100_000);

    private TestService _service = null!;
    private GatewayProcess _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _service = await TestService.StartAsync(ServeAsync, readBody: false);
        _gateway = await GatewayProcess.StartAsync(_service.Url, [.. Lanes.Routes("upstream")]);
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _service.DisposeAsync();
    }

    [Theory]
    [InlineData(Lanes.Plain)]
    [InlineData(Lanes.Durable)]
    public async Task Bodies_Of100Megabytes_PassWithFlatMemory(string lane)
    {
        using var expected = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var sent = 0; sent < Size; sent += Block.Length) expected.AppendData(Block);
        var hash = Convert.ToHexString(expected.GetHashAndReset());
        await DownAsync(lane, "/down?1000");
        var before = _gateway.PeakMemory;

        Assert.Equal(hash, await UpAsync(lane, Size));
        Assert.Equal(hash, await UpAsync(lane, null));
        Assert.Equal(hash, await DownAsync(lane, "/down?length"));
        Assert.Equal(hash, await DownAsync(lane, "/down"));

        Assert.True(_gateway.PeakMemory - before < Allowed,
            $"The gateway had {before} MiB before and {_gateway.PeakMemory} MiB at its height.");
    }

    private async Task<string> UpAsync(string lane, long? length)
    {
        using var request = Request(lane, HttpMethod.Put, "/up");
        request.Content = new Blocks(length);
        using var response = await _gateway.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsStringAsync();
    }

    private async Task<string> DownAsync(string lane, string target)
    {
        using var request = Request(lane, HttpMethod.Get, target);
        using var response = await _gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await HashAsync(await response.Content.ReadAsStreamAsync());
    }

    private static HttpRequestMessage Request(string lane, HttpMethod method, string target) =>
        new(method, target) { Headers = { Host = Lanes.HostOf(lane) } };

    private static async Task ServeAsync(HttpContext context, int count)
    {
        if (context.Request.Path == "/up")
        {
            await context.Response.WriteAsync(await HashAsync(context.Request.Body));
            return;
        }

        var query = context.Request.QueryString.Value;
        var size = query == "?1000" ? 1000 : Size;
        if (query == "?length") context.Response.ContentLength = size;
        for (var sent = 0; sent < size; sent += Block.Length)
            await context.Response.Body.WriteAsync(Block.AsMemory(0, Math.Min(Block.Length, size)));
    }

    private static async Task<string> HashAsync(Stream body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        int read;
        while ((read = await body.ReadAsync(buffer)) > 0) hash.AppendData(buffer.AsSpan(0, read));
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private sealed class Blocks(long? length) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var sent = 0; sent < Size; sent += Block.Length) await stream.WriteAsync(Block);
        }

        protected override bool TryComputeLength(out long computed)
        {
            computed = length ?? 0;
            return length is not null;
        }
    }
}
