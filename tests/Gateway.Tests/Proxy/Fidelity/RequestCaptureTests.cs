using System.Security.Cryptography;
using DurableGateway.Proxy;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>The copy of a request's body for the service and the store.</summary>
[Trait("Category", "Unit")]
public sealed class RequestCaptureTests
{
    [Theory]
    [InlineData(0, true)]
    [InlineData(0, false)]
    [InlineData(1000, true)]
    [InlineData(1000, false)]
    [InlineData(200_003, true)]
    [InlineData(200_003, false)]
    public async Task Body_ThatTheStoreTakesInAheadOfTheService_IsWholeForBoth(int size, bool hasLength)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var bytes = RandomNumberGenerator.GetBytes(size);
        var arrived = 0;
        using var capture = new RequestCapture(new MemoryStream(bytes), size, hasLength ? size : null) { Arrived = () => arrived++ };
        var seen = new MemoryStream();
        var piece = new byte[Math.Min(size, 700)];
        seen.Write(piece, 0, await capture.ReadAsync(piece, cancellation));

        var stored = await capture.DrainAsync(cancellation);
        await capture.CopyToAsync(seen, cancellation);

        Assert.True(bytes.AsSpan().SequenceEqual(stored!.Value.Span));
        Assert.True(bytes.AsSpan().SequenceEqual(seen.ToArray()));
        var again = await capture.DrainAsync(cancellation);
        Assert.True(bytes.AsSpan().SequenceEqual(again!.Value.Span));
        Assert.Equal((true, false, 1), (capture.IsComplete, capture.Overflowed, arrived));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Body_ThatIsLargerThanTheLimit_ReachesTheServiceWhole_AndIsNotKept(bool isDrained)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var bytes = RandomNumberGenerator.GetBytes(100_000);
        using var capture = new RequestCapture(new MemoryStream(bytes), 50_000, bytes.Length);
        if (isDrained) Assert.Null(await capture.DrainAsync(cancellation));
        var seen = new MemoryStream();

        await capture.CopyToAsync(seen, cancellation);

        Assert.True(bytes.AsSpan().SequenceEqual(seen.ToArray()));
        Assert.True(capture.Overflowed);
        Assert.Null(await capture.DrainAsync(cancellation));
    }
}
