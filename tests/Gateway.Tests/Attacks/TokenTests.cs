using System.Buffers.Text;
using System.Net;
using DurableGateway.Protocol;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>A token is good for one run, one purpose and one gateway's keys: nothing that was given out opens another door.</summary>
public sealed class TokenTests
{
    [Fact]
    public void Tokens_OfEveryPurpose_OpenNoOtherDoor()
    {
        var (mine, foreign) = (new Tokens(Make.KeyRing(1)), new Tokens(Make.KeyRing(2)));
        RunId run = Make.RunId(), other = Make.RunId();
        var end = Make.Start.AddDays(1);
        var claim = (int)end.ToUnixTimeSeconds();
        (string Name, string Token)[] given =
        [
            ("steps", mine.ForSteps(run, claim)), ("result", mine.ForResult(run, end)), ("callback a", mine.ForCallback(run, "a")),
            ("callback b", mine.ForCallback(run, "b")),
            ("callback named as another purpose", mine.ForCallback(run, "")), ("other run's steps", mine.ForSteps(other, claim)),
            ("other run's result", mine.ForResult(other, end)),
            ("other run's callback", mine.ForCallback(other, "a")), ("foreign steps", foreign.ForSteps(run, claim)),
            ("foreign result", foreign.ForResult(run, end)), ("foreign callback", foreign.ForCallback(run, "a")),
        ];
        (string Name, Func<string, bool> Opens)[] doors =
        [
            ("steps", token => mine.VerifySteps(run, token) is not null), ("result", token => mine.VerifyResult(run, token) is not null),
            ("callback a", token => mine.VerifyCallback(run, "a", token)),
            ("callback b", token => mine.VerifyCallback(run, "b", token)),
        ];
        foreach (var (name, token) in given)
        {
            foreach (var (door, opens) in doors) Assert.True(opens(token) == (name == door), $"{name} at {door}");
        }
    }

    /// <summary>A token's code and a record's seal are made with different keys, so that neither can be passed off as the other.</summary>
    [Fact]
    public void Seals_AreNoTokens()
    {
        var ring = Make.KeyRing(1);
        var run = Make.RunId();
        var sealedRecord = ring.Seal(new byte[24], $"{run}/steps");
        for (var i = 0; i + 24 <= sealedRecord.Length; i++)
            Assert.Null(new Tokens(ring).VerifySteps(run, Base64Url.EncodeToString(sealedRecord.AsSpan(i, 24))));
    }

    [Fact]
    public async Task Tokens_OfAnotherStore_AreNone()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        await using var elsewhere = await GatewayHost.StartAsync("http://127.0.0.1:1");
        await Eventually.TrueAsync(() => elsewhere.Services.GetRequiredService<KeyRing>().IsReady, "the other gateway has its keys");
        var tokens = elsewhere.Services.GetRequiredService<Tokens>();
        var attempt = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("a")).Status);
        Assert.True(RunId.TryParse(attempt.RunId, out var run));

        (await attempt.PutWithTokenAsync("b", tokens.ForSteps(run, 1))).AssertProblem(HttpStatusCode.Unauthorized, "token-invalid");
        (await attempt.GetAsync("/steps", tokens.ForSteps(run, 1))).AssertProblem(HttpStatusCode.Unauthorized, "token-invalid");
        using var result = await world.Gateway.Client
            .GetAsync($"/_durable/v1/results/{run}?token={tokens.ForResult(run, DateTimeOffset.MaxValue.AddDays(-1))}");
        Assert.Equal(HttpStatusCode.NotFound, result.StatusCode);
        using var callback = await world.Gateway.Client.PostAsync($"/_durable/v1/callbacks/{run}/YQ/{tokens.ForCallback(run, "a")}", null);
        Assert.Equal(HttpStatusCode.NotFound, callback.StatusCode);
    }

    [Fact]
    public async Task Tokens_OfOneDoor_AreNoneAtAnother()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater, "Durable:Policies:default:AllowCancel=true");
        var attempt = await world.BeginAsync();
        var callback = new Uri((await attempt.PutTypeAsync("callback", "a"))["Durable-Callback-Url"]!).AbsolutePath.Split('/')[^1];
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();
        var result = redirect.Headers.Location!.OriginalString.Split("token=")[1];
        foreach (var token in new[] { attempt.Token, callback })
        {
            foreach (var method in new[] { HttpMethod.Get, HttpMethod.Delete, HttpMethod.Options })
            {
                foreach (var path in new[] { "", "/run" })
                {
                    using var call = new HttpRequestMessage(method, $"/_durable/v1/results/{attempt.RunId}{path}?token={token}");
                    using var answer = await world.Gateway.Client.SendAsync(call);
                    Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
                }
            }
        }

        foreach (var token in new[] { result, callback })
            (await attempt.PutWithTokenAsync("b", token)).AssertProblem(HttpStatusCode.Unauthorized, "token-invalid");
        foreach (var token in new[] { result, attempt.Token })
        {
            using var answer = await world.Gateway.Client.PostAsync($"/_durable/v1/callbacks/{attempt.RunId}/YQ/{token}", null);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
    }
}
