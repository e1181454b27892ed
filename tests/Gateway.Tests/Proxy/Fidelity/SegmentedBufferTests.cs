using System.Security.Cryptography;
using DurableGateway.Proxy;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>The copy of a response takes memory for its content, and none once it is too large to be stored.</summary>
[Trait("Category", "Unit")]
public sealed class SegmentedBufferTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(1_000_003)]
    public void Bytes_ComeBackAsTheyCame(int size)
    {
        var bytes = RandomNumberGenerator.GetBytes(size);
        var buffer = new SegmentedBuffer();
        for (var position = 0; position < size;)
        {
            var count = Math.Min(Random.Shared.Next(1, 70_000), size - position);
            buffer.Write(bytes.AsSpan(position, count));
            position += count;
            Assert.Equal(position, buffer.Length);
        }

        Assert.True(bytes.AsSpan().SequenceEqual(buffer.Take()));
        Assert.Equal(0, buffer.Length);
    }

    [Fact]
    public async Task Copy_AllocatesNoMoreThanItHolds_AndHoldsNothingThatIsTooLarge()
    {
        const int Limit = 16 << 20;
        var block = new byte[64 * 1024];

        // This counts one thread, which is enough because nothing below waits.
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var capture = new ResponseCapture(client: null, Limit, () => { });
        for (var sent = 0; sent < Limit; sent += block.Length) await capture.WriteAsync(block, TestContext.Current.CancellationToken);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.False(capture.Overflowed);
        Assert.InRange(allocated, 0, Limit + (Limit / 10));

        await capture.WriteAsync(block.AsMemory(0, 1), TestContext.Current.CancellationToken);
        Assert.True(capture.Overflowed);
        Assert.Equal(0, capture.Body.Length);
    }
}
