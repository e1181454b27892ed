using System.Security.Cryptography;
using DurableGateway.Protocol;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Protocol;

[Trait("Category", "Unit")]
public sealed class KeyRingTests
{
    private const string Context = "run/request";

    private readonly KeyRing _ring = Make.KeyRing(1);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100_000)]
    public void Sealed_OpensToTheSame(int length)
    {
        var plain = RandomNumberGenerator.GetBytes(length);
        Assert.Equal(plain, _ring.Open(_ring.Seal(plain, Context), Context));
    }

    [Fact]
    public void SealedTwice_LooksDifferent() => Assert.NotEqual(_ring.Seal("same"u8, Context), _ring.Seal("same"u8, Context));

    [Fact]
    public void Sealed_DoesNotShowThePlainText() =>
        Assert.DoesNotContain("4111 1111", System.Text.Encoding.Latin1.GetString(_ring.Seal("card 4111 1111"u8, Context)),
            StringComparison.Ordinal);

    [Fact]
    public void OtherContext_IsRefused() =>
        Assert.ThrowsAny<CryptographicException>(() => _ring.Open(_ring.Seal("x"u8, Context), "run/result"));

    [Fact]
    public void AnyByteTamperedWith_IsRefused()
    {
        var record = _ring.Seal("charged"u8, Context);
        for (var i = 0; i < record.Length; i++)
        {
            var tampered = record.ToArray();
            tampered[i] ^= 1;
            Assert.ThrowsAny<CryptographicException>(() => _ring.Open(tampered, Context));
        }
    }

    [Fact]
    public void TruncatedAnywhere_IsRefused()
    {
        var record = _ring.Seal("charged"u8, Context);
        for (var length = 0; length < record.Length; length++)
            Assert.ThrowsAny<CryptographicException>(() => _ring.Open(record.AsSpan(0, length), Context));
    }

    [Fact]
    public void UnknownKey_IsRefused_AndSaysWhereItBelongs()
    {
        var error = Assert.Throws<KeyMissingException>(() => Make.KeyRing(2).Open(_ring.Seal("x"u8, Context), Context));
        Assert.Contains("Durable:Keys", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RotatedKeys_OldRecordsOpen_NewOnesAreOfTheNewKey()
    {
        var rotated = Make.KeyRing(2, 1);
        Assert.Equal("x"u8.ToArray(), rotated.Open(_ring.Seal("x"u8, Context), Context));
        Assert.ThrowsAny<CryptographicException>(() => _ring.Open(rotated.Seal("x"u8, Context), Context));
    }

    [Fact]
    public void Mac_IsOfItsPurposeAndMessage()
    {
        var mac = _ring.Mac("step", "message"u8);
        Assert.True(_ring.Verify("step", "message"u8, mac));
        Assert.False(_ring.Verify("result", "message"u8, mac));
        Assert.False(_ring.Verify("step", "massage"u8, mac));
        Assert.False(_ring.Verify("step", "message"u8, mac.AsSpan(1)));
    }

    /// <summary>One keyed hash is kept for whoever comes next; several who come at once do not share it.</summary>
    [Fact]
    public void Mac_OfManyThreadsAtOnce_IsTheSame()
    {
        var macs = Enumerable.Range(0, 16).Select(i => _ring.Mac("step", [(byte)i])).ToArray();
        Parallel.For(0, 20_000, i => Assert.Equal(macs[i % 16], _ring.Mac("step", [(byte)(i % 16)])));
    }

    [Fact]
    public void WithoutKeys_IsNotReady()
    {
        Assert.False(new KeyRing().IsReady);
        Assert.True(_ring.IsReady);
    }
}
