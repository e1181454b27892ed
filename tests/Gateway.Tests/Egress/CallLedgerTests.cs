using System.Collections.Immutable;
using DurableGateway.Configuration;
using DurableGateway.Egress;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Egress;

[Trait("Category", "Unit")]
public sealed class CallLedgerTests
{
    private static readonly StepRules Rules = StepRules.Read(Metadata("Durable.Step", "Remember"), (_, _) => { })!;

    [Fact]
    public void CallsThatAreAlike_HavePlacesOfTheirOwn()
    {
        var ledger = new CallLedger();

        var (one, two) = (New(ledger, "a"), New(ledger, "a"));

        Assert.Equal(("r POST /x", "r POST /x#2"), (one.Id, two.Id));
        Assert.Equal((1, 2), (one.Alike, two.Alike));
    }

    [Fact]
    public void CallThatIsAlike_MayWaitForTheOneInFlight()
    {
        var ledger = new CallLedger();
        var first = New(ledger, "a");

        Assert.IsType<CallMatch.AlikeInFlight>(ledger.Take(Call("a"), ignoresOthers: false, waitsForAlike: true));
        Assert.IsType<CallMatch.New>(ledger.Take(Call("b"), ignoresOthers: false, waitsForAlike: true));
        ledger.Complete(first, Outcome(first));
        Assert.IsType<CallMatch.New>(ledger.Take(Call("a"), ignoresOthers: false, waitsForAlike: true));
    }

    [Fact]
    public void PlaceOfAFailedCall_IsThatOfItsRepetition()
    {
        var ledger = new CallLedger();
        var first = New(ledger, "a");
        ledger.Release(first);

        Assert.Same(first, New(ledger, "a"));
    }

    [Fact]
    public void OutcomeOfAnAbandonedCall_IsThatOfTheNextOne()
    {
        var ledger = new CallLedger();
        var first = New(ledger, "a");
        ledger.Abandon(first);
        Assert.IsType<CallMatch.InFlight>(ledger.Take(Call("a"), ignoresOthers: false));
        ledger.Complete(first, Outcome(first));

        Assert.Same(first, Assert.IsType<CallMatch.Remembered>(ledger.Take(Call("a"), ignoresOthers: false)).Slot);
        Assert.NotSame(first, New(ledger, "a"));
    }

    [Fact]
    public void OutcomeThatACallHasGot_IsNotThatOfAnother()
    {
        var ledger = new CallLedger();
        var first = New(ledger, "a");
        ledger.Complete(first, Outcome(first));

        Assert.NotSame(first, New(ledger, "a"));
    }

    /// <summary>Of two calls at once, the outcome of the second may be known alone. The first is made again under its own key.</summary>
    [Fact]
    public async Task Replay_GivesACallTheFirstKeyThatIsFree()
    {
        var before = new CallLedger();
        var (one, two) = (New(before, "a"), New(before, "a"));
        var after = await ReplayAsync(two);

        Assert.IsType<CallMatch.Remembered>(after.Take(Call("a"), ignoresOthers: false));
        var again = New(after, "a");

        Assert.Equal(one.Alike, again.Alike);
        Assert.Equal("r POST /x#3", again.Id);
    }

    [Fact]
    public async Task AnotherBodyWhileOutcomesAreLeft_IsADrift()
    {
        var before = new CallLedger();
        var after = await ReplayAsync(New(before, "a"));

        Assert.IsType<CallMatch.Drift>(after.Take(Call("b"), ignoresOthers: false));
        Assert.IsType<CallMatch.Remembered>(after.Take(Call("a"), ignoresOthers: false));
        Assert.IsType<CallMatch.New>(after.Take(Call("b"), ignoresOthers: false));
    }

    [Fact]
    public void StepId_IsShortAndHasTheFormOfACall()
    {
        var call = ServiceCall.Of("r", "POST", "/" + new string('x', 5000), new HeaderDictionary(), "a"u8.ToArray(), Rules, []);
        var other = ServiceCall.Of("r", "POST", "/" + new string('x', 5001), new HeaderDictionary(), "a"u8.ToArray(), Rules, []);

        Assert.True(call.ToStepId(12_345, 1).Length <= StepId.MaxBytes);
        Assert.NotEqual(call.ToStepId(1, 1), other.ToStepId(1, 1));
        Assert.True(StepId.HasFormOfCall(call.ToStepId(2, 1)));
        Assert.True(StepId.HasFormOfCall((call with { ByDigest = true }).ToStepId(2, 2)));
        Assert.False(StepId.HasFormOfCall("charge the card"));
    }

    [Fact]
    public void IdOfACallThatIsMadeOnce_DoesNotDependOnOtherCalls()
    {
        var call = Call("a") with { ByDigest = true };

        Assert.Equal(call.ToStepId(1, 1), call.ToStepId(2, 1));
        Assert.NotEqual(call.ToStepId(1, 1), (Call("b") with { ByDigest = true }).ToStepId(1, 1));
    }

    [Theory]
    [InlineData("""{"at":1,"items":[{"id":1,"n":2}]}""", """{"at":9,"items":[{"id":7,"n":2}]}""", true)]
    [InlineData("""{"at":1,"items":[{"id":1,"n":2}]}""", """{"at":1,"items":[{"id":1,"n":3}]}""", false)]
    public void IgnoredPaths_DoNotCount(string one, string other, bool alike)
    {
        var rules = StepRules.Read(Metadata("Durable.Step", "Remember", "Durable.Step.Ignore", "$.at, $.items.*.id"), (_, _) => { })!;

        string Digest(string body) =>
            ServiceCall.Of("r", "POST", "/x", new HeaderDictionary { ["Content-Type"] = "application/json" },
                System.Text.Encoding.UTF8.GetBytes(body), rules, []).Digest;

        Assert.Equal(alike, Digest(one) == Digest(other));
    }

    /// <summary>Parallel calls for parts of the same file would otherwise get each other's outcome.</summary>
    [Fact]
    public void CallsForDifferentParts_AreNotAlike()
    {
        static string Digest(string name, string value) =>
            ServiceCall.Of("r", "GET", "/x", new HeaderDictionary { [name] = value }, default, Rules, []).Digest;

        Assert.NotEqual(Digest("Range", "bytes=0-9"), Digest("Range", "bytes=10-19"));
        Assert.NotEqual(Digest("If-None-Match", "\"1\""), Digest("Accept", "a/b"));
        Assert.Equal(Digest("Accept", "c/d"), Digest("Accept", "a/b"));
    }

    [Theory]
    [InlineData("/x?a=1&t=5", "/x?a=1")]
    [InlineData("/x?t=5", "/x")]
    [InlineData("/x?a=%2F", "/x?a=%2F")]
    public void IgnoredQuery_IsNotInTheTarget(string target, string kept) =>
        Assert.Equal(kept, CallContent.Readable(target, ["t"], []).Target);

    /// <summary>The id of a step is not sealed, and operators see it.</summary>
    [Fact]
    public void MaskedQuery_IsNotInTheTarget_AndCounts()
    {
        static ServiceCall Call(string target) =>
            ServiceCall.Of("r", "GET", target, new HeaderDictionary(), default, Rules, ["Token", "pin"]);

        var call = Call("/x?a=1&token=se%63ret&b");

        Assert.Equal("r GET /x?a=1&token=***&b", call.Target);
        Assert.NotEqual(call.Digest, Call("/x?a=1&token=other&b").Digest);
        Assert.Equal("", Call("/x?a=1").Digest);
        Assert.Equal("r GET /x?a=***", ServiceCall.Of("r", "GET", "/x?a=1", new HeaderDictionary(), default, Rules, ["*"]).Target);
    }

    /// <summary>A service that knows the key of the former call would give its former response.</summary>
    [Fact]
    public void KeyOfARepetitionByAnOperator_IsAnother()
    {
        var run = RunId.New(DateTimeOffset.UnixEpoch);

        string[] keys = [.. new[] { 0, 1, 2 }.Select(repetition => Call("a").ToIdempotencyKey(run, 1, repetition))];

        Assert.Equal(3, keys.Distinct().Count());
        Assert.Equal(keys[1], Call("a").ToIdempotencyKey(run, 1, 1));
    }

    [Fact]
    public void IgnoredFormFields_DoNotCount()
    {
        var rules = StepRules.Read(Metadata("Durable.Step", "Remember", "Durable.Step.Ignore", "form:t"), (_, _) => { })!;

        Assert.Equal("a=1&b=2"u8.ToArray(),
            CallContent.Significant("application/x-www-form-urlencoded", "a=1&t=4&b=2"u8.ToArray(), rules).ToArray());
    }

    [Fact]
    public void Record_ComesBackAsItWas()
    {
        var slot = New(new CallLedger(), "a");
        var call = Outcome(slot) with
        {
            Response = new StoredResponse(201, [new("A", "1"), new("A", "2")], "body"u8.ToArray(), [new("T", "3")]),
        };

        var read = RememberedCall.Parse(call.ToBytes())!;

        Assert.Equal((call.Target, call.Number, call.Alike, call.Digest, call.Destination),
            (read.Target, read.Number, read.Alike, read.Digest, read.Destination));
        Assert.Equal(call.Response.Headers, read.Response.Headers);
        Assert.Equal(call.Response.Trailers, read.Response.Trailers);
        Assert.Equal(call.Response.Body.ToArray(), read.Response.Body.ToArray());
        Assert.Null(RememberedCall.Parse("nonsense"u8.ToArray()));
        Assert.Null(RememberedCall.Parse(call.ToBytes().AsMemory()[..^1]));
    }

    [Fact]
    public void EditedResponse_HasNoHeadersOfTheFormerBody()
    {
        var call = Outcome(New(new CallLedger(), "a")) with
        {
            Response = new StoredResponse(200, [new("Content-Length", "1"), new("content-type", "a/b"), new("X", "1")], default),
        };

        Assert.Equal([new("X", "1"), new("Content-Type", "text/plain")], call.WithBody("text/plain", default).Response.Headers);
    }

    private static ServiceCall Call(string body) =>
        ServiceCall.Of("r", "POST", "/x", new HeaderDictionary(), System.Text.Encoding.UTF8.GetBytes(body), Rules, []);

    private static CallSlot New(CallLedger ledger, string body) =>
        Assert.IsType<CallMatch.New>(ledger.Take(Call(body), ignoresOthers: false)).Slot;

    private static RememberedCall Outcome(CallSlot slot) => new()
    {
        Target = "r POST /x",
        Number = slot.Number,
        Alike = slot.Alike,
        Digest = slot.Digest,
        Request = default,
        Destination = "http://d",
        Response = new StoredResponse(200, [], default),
    };

    /// <summary>The ledger of an attempt after one whose only stored outcome is that of the call.</summary>
    private static async Task<CallLedger> ReplayAsync(CallSlot slot)
    {
        var key = new AttemptKey(RunId.New(DateTimeOffset.UnixEpoch), 2, "node");
        using var attempt = new Attempt(key, new RunPolicy(), "route", DateTimeOffset.UnixEpoch, 0, TimeProvider.System)
        {
            Timeout = TimeSpan.FromMinutes(1),
            StepCount = 1,
            Steps =
            [
                new StepOutcome
                {
                    Id = slot.Id,
                    Failed = false,
                    ContentType = RememberedCall.ContentType,
                    Body = Outcome(slot).ToBytes(),
                    Attempt = 1,
                    StartedAt = default,
                    EndedAt = default,
                    Type = StepOutcome.CallType,
                },
            ],
        };
        var ledger = new CallLedger();
        await ledger.LoadAsync(attempt, new Support.FakeRunStore());
        return ledger;
    }

    private static ImmutableDictionary<string, string> Metadata(params string[] pairs) =>
        pairs.Chunk(2).ToImmutableDictionary(pair => pair[0], pair => pair[1]);
}
