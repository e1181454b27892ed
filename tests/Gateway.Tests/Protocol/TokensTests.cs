using DurableGateway.Protocol;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Protocol;

[Trait("Category", "Unit")]
public sealed class TokensTests
{
    private static readonly byte[] FirstKey = Make.Key(1);
    private static readonly byte[] SecondKey = Make.Key(2);
    private static readonly DateTimeOffset End = Make.Start.AddDays(8);

    private readonly Tokens _tokens = With(FirstKey);
    private readonly RunId _run = Make.RunId();

    [Fact]
    public void StepToken_TellsItsAttempt()
    {
        Assert.Equal(new Fence(1), _tokens.VerifySteps(_run, _tokens.ForSteps(_run, 1)));
        Assert.Equal(new Fence(int.MaxValue, uint.MaxValue),
            _tokens.VerifySteps(_run, _tokens.ForSteps(_run, new Fence(int.MaxValue, uint.MaxValue))));
    }

    [Fact]
    public void ResultToken_TellsItsEnd() => Assert.Equal(End, _tokens.VerifyResult(_run, _tokens.ForResult(_run, End)));

    [Fact]
    public void TokensAreSafeInUrls() =>
        Assert.Matches("^[A-Za-z0-9_-]+$", _tokens.ForResult(_run, End) + _tokens.ForSteps(_run, 3));

    [Fact]
    public void OtherRun_IsRefused()
    {
        Assert.Null(_tokens.VerifySteps(Make.RunId(), _tokens.ForSteps(_run, 1)));
        Assert.Null(_tokens.VerifyResult(Make.RunId(), _tokens.ForResult(_run, End)));
    }

    [Fact]
    public void OtherPurpose_IsRefused()
    {
        Assert.Null(_tokens.VerifyResult(_run, _tokens.ForSteps(_run, 1)));
        Assert.Null(_tokens.VerifySteps(_run, _tokens.ForResult(_run, End)));
        Assert.Null(_tokens.VerifyResult(_run, _tokens.ForResultAt(_run, "/a", End)));
        Assert.Null(_tokens.VerifyResultAt(_run, "/a", _tokens.ForResult(_run, End)));
        Assert.Null(_tokens.VerifyResultAt(_run, "/a", _tokens.ForResultAt(_run, "/b", End)));
        Assert.Equal(End, _tokens.VerifyResultAt(_run, "/a", _tokens.ForResultAt(_run, "/a", End)));
        Assert.Null(_tokens.VerifyResult(_run, _tokens.ForSteps(_run, (int)End.ToUnixTimeSeconds())));
    }

    [Fact]
    public void AttemptOfOneTokenWithTheCodeOfAnother_IsRefused()
    {
        const int ClaimCharacters = 11; // 8 bytes are 10⅔ characters of base64
        var second = _tokens.ForSteps(_run, 1 << 16);
        var forged = second[..ClaimCharacters] + _tokens.ForSteps(_run, 1)[ClaimCharacters..];
        Assert.NotEqual(second, forged);
        Assert.Null(_tokens.VerifySteps(_run, forged));
    }

    [Fact]
    public void AnySingleCharacterChanged_IsRefused()
    {
        var token = _tokens.ForResult(_run, End);
        for (var i = 0; i < token.Length; i++)
            Assert.Null(_tokens.VerifyResult(_run, string.Concat(token.AsSpan(0, i), token[i] == 'A' ? "B" : "A", token.AsSpan(i + 1))));
    }

    [Fact]
    public void OtherKey_IsRefused() => Assert.Null(With(SecondKey).VerifySteps(_run, _tokens.ForSteps(_run, 1)));

    [Fact]
    public void RotatedKeys_OldTokensAreStillRead_NewOnesAreOfTheNewKey()
    {
        var rotated = With(SecondKey, FirstKey);
        Assert.Equal(new Fence(4), rotated.VerifySteps(_run, _tokens.ForSteps(_run, 4)));
        Assert.Null(_tokens.VerifySteps(_run, rotated.ForSteps(_run, 4)));
        Assert.Equal(new Fence(4), With(SecondKey).VerifySteps(_run, rotated.ForSteps(_run, 4)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("not a token at all, but thirty-two")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("AAAAAAAAAAAAAAAA    AAAAAAAAAAAA")]
    [InlineData("////////////////////////////////")]
    [InlineData("öööööööööööööööööööööööööööööööö")]
    public void Garbage_IsRefused(string? token)
    {
        Assert.Null(_tokens.VerifySteps(_run, token));
        Assert.Null(_tokens.VerifyResult(_run, token));
    }

    [Fact]
    public void TruncatedOrExtended_IsRefused()
    {
        var token = _tokens.ForSteps(_run, 1);
        for (var length = 0; length < token.Length; length++) Assert.Null(_tokens.VerifySteps(_run, token[..length]));
        Assert.Null(_tokens.VerifySteps(_run, token + "A"));
        Assert.Null(_tokens.VerifySteps(_run, " " + token));
    }

    [Fact]
    public void NoKeysYet_NothingIsValid() => Assert.Null(new Tokens(new KeyRing()).VerifySteps(_run, _tokens.ForSteps(_run, 1)));

    private static Tokens With(params byte[][] keys)
    {
        var ring = new KeyRing();
        ring.Load(keys);
        return new Tokens(ring);
    }
}
