using System.Security.Cryptography;
using System.Text;
using DurableGateway.Configuration;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>What is stored, its size limits, and what happens if it cannot be read.</summary>
public abstract partial class StoreContract
{
    [Fact]
    public async Task LargestRequestAndResult_RoundTrip()
    {
        var body = RandomNumberGenerator.GetBytes(4 << 20);
        var run = await RunningAsync(request: Make.Request(body));
        var step = Make.Outcome("big") with { Body = body };
        Assert.Equal(StepVerdict.Created, (await Store.StoreOutcomeAsync(run.Id, 1, step, Plenty)).Verdict);

        // The lease is longer by the time that the transfer of such a request may take.
        var claimed = (await Store.ClaimAsync(run.Id, Owner, LeaseEnd.AddMinutes(1), LeaseEnd.AddMinutes(2)))!;

        // Request and step are too large for the claim: it counts the steps, and both are read separately.
        Assert.Null(claimed.Request);
        var request = (await fixture.Node.WaitService.GetRequestAsync(run.Id))!;
        Assert.True(body.AsSpan().SequenceEqual(request.Body.Span));
        Assert.Empty(claimed.Steps);
        Assert.Equal(1, claimed.StepCount);
        var steps = (await Store.GetStepsAsync(run.Id))!;
        Assert.True(body.AsSpan().SequenceEqual(Assert.Single(steps).Body.Span));
        var result = Make.Response() with { Body = RandomNumberGenerator.GetBytes(16 << 20) };
        Assert.Equal(ParkVerdict.Done,
            (await Store.EndAsync(new AttemptKey(run.Id, 2, Owner), RunState.Completed, result, run.Policy)).Verdict);
        var stored = (await Store.GetResultAsync(run.Id))!;
        Assert.True(result.Body.Span.SequenceEqual(stored.Body.Span));
    }

    [Fact]
    public async Task ManySteps_RoundTrip()
    {
        const int Count = 2000;
        var run = await RunningAsync();
        await Task.WhenAll(Enumerable.Range(0, Count).Select(i => Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"s{i}"), Count)));
        var claimed = (await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd))!;
        Assert.Equal(Count, claimed.StepCount);
        Assert.Equal(Count, (await Store.GetStepsAsync(run.Id))!.Select(step => step.Id).Distinct().Count());
        Assert.Equal(StepVerdict.TooMany, (await Store.StoreOutcomeAsync(run.Id, 2, Make.Outcome("more"), Count)).Verdict);
    }

    [Fact]
    public async Task Stored_ShowsNothingInTheClear()
    {
        const string Card = "4111 1111 1111 1111";
        var run = await RunningAsync(request: Make.Request(Encoding.ASCII.GetBytes(Card)));
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", Card), Plenty);
        await Store.NoteMismatchAsync(run.Id, 1, 1, "a call", new CallDrift("fail", CallDrift.Json, [new(["card"], Card, null)], 0));
        await Store.ScheduleStepAsync(run.Id, 1, "b", Plenty, 0, Now, new FailureText(Card, "text/plain", Card));
        await Store.EndAsync(Key(run), RunState.Failed, Make.Response(Card), run.Policy,
            note: new AttemptNote("status 500") { Failure = new FailureText(Card, "text/plain", Card) });
        var keys = KeysOf(run.Id);
        byte[] all =
        [
            .. (byte[])(await ExecuteAsync(db => db.StringGetAsync(keys.Request)))!,
            .. (byte[])(await ExecuteAsync(db => db.HashGetAsync(keys.Steps, "a")))!,
            .. (byte[])(await ExecuteAsync(db => db.StringGetAsync(keys.Result)))!,
            .. (await ExecuteAsync(db => db.HashValuesAsync(keys.Run))).SelectMany(value => (byte[])value!),
        ];
        Assert.DoesNotContain(Card, Encoding.Latin1.GetString(all), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CorruptRequest_IsUnreadable_UnderTheClaimedAttempt_AndCanBeEnded()
    {
        var run = await RunningAsync();
        await ExecuteAsync(db => db.StringSetAsync(KeysOf(run.Id).Request, "garbage"));
        await AssertUnreadableAsync(run);
    }

    [Fact]
    public async Task MissingRequest_IsUnreadable()
    {
        var run = await RunningAsync();
        await ExecuteAsync(db => db.KeyDeleteAsync(KeysOf(run.Id).Request));
        await AssertUnreadableAsync(run);
    }

    [Fact]
    public async Task RequestOfAnotherRun_IsUnreadable()
    {
        var (run, other) = (await RunningAsync(), await RunningAsync());
        var foreign = await ExecuteAsync(db => db.StringGetAsync(KeysOf(other.Id).Request));
        await ExecuteAsync(db => db.StringSetAsync(KeysOf(run.Id).Request, foreign));
        await AssertUnreadableAsync(run);
    }

    [Theory]
    [InlineData("v", "99")]
    [InlineData("v", "")]
    [InlineData("v", "one")]
    [InlineData("started", "noon")]
    public async Task UnknownVersionOrField_IsUnreadable(string field, string value)
    {
        var run = await RunningAsync();
        await ExecuteAsync(db => db.HashSetAsync(KeysOf(run.Id).Run, field, value));
        await AssertUnreadableAsync(run);
    }

    /// <summary>The head of the request has its length in three bytes, and the length of the policy in the fourth.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 255)]
    [InlineData(2, 255)]
    [InlineData(3, 255)]
    [InlineData(4, 'x')]
    public async Task DamagedHeadOfTheRequest_IsUnreadable(int at, int value)
    {
        var run = await RunningAsync();
        var key = KeysOf(run.Id).Request;
        var record = (byte[])(await ExecuteAsync(db => db.StringGetAsync(key)))!;
        record[at] = (byte)value;
        await ExecuteAsync(db => db.StringSetAsync(key, record));
        await AssertUnreadableAsync(run);
    }

    [Fact]
    public async Task LongTarget_IsReadFromTheHeadOfTheRequest()
    {
        var target = "/" + new string('a', 3000);
        var run = await RunningAsync(new RunPolicy { MaxAttempts = 3 }, Make.Request() with { RawTarget = target });
        Assert.Equal(target, await Store.GetTargetAsync(run.Id));
        Assert.Equal(3, (await Store.GetPolicyAsync(run.Id))!.MaxAttempts);
        Assert.Equal(run.Request.TraceParent, (await Store.GetOriginAsync(run.Id))!.TraceParent);
    }

    [Theory]
    [InlineData("")]
    [InlineData("C")]
    [InlineData("C1")]
    [InlineData("C1:")]
    [InlineData("X1:record")]
    [InlineData("C1:garbage that is long enough to be a record of some kind")]
    public async Task CorruptStep_IsUnreadable(string value)
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        await ExecuteAsync(db => db.HashSetAsync(KeysOf(run.Id).Steps, "a", value));
        await Assert.ThrowsAsync<UnreadableRecordException>(() => Store.GetStepsAsync(run.Id));
        await AssertUnreadableAsync(run);
    }

    [Fact]
    public async Task StepMovedToAnotherName_IsUnreadable()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        var record = await ExecuteAsync(db => db.HashGetAsync(KeysOf(run.Id).Steps, "a"));
        await ExecuteAsync(db => db.HashSetAsync(KeysOf(run.Id).Steps, "b", record));
        await AssertUnreadableAsync(run);
    }

    [Fact]
    public async Task CorruptResult_IsUnreadable()
    {
        var run = await RunningAsync();
        await Store.EndAsync(Key(run), RunState.Completed, Make.Response(), run.Policy);
        await ExecuteAsync(db => db.StringSetAsync(KeysOf(run.Id).Result, new byte[200]));
        await Assert.ThrowsAsync<UnreadableRecordException>(() => Store.GetResultAsync(run.Id));
    }

    [Fact]
    public async Task OtherShards_AreRefused_NamingThoseOfTheStore()
    {
        var error = await Assert.ThrowsAsync<ConfigurationException>(async () =>
        {
            await using var other = await StoreNode.OpenAsync(StoreFixture.Settings(fixture.ConnectionString, shards: 32));
        });
        var wrong = Assert.Single(error.Errors);
        Assert.Equal(("Durable:Store:Shards", "32"), (wrong.Key, wrong.Value));
        Assert.Contains("64", wrong.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GeneratedKey_IsTheSameOnEveryNode()
    {
        var nodes = await fixture.NodesAsync(2);
        var run = await RunningAsync();
        await nodes[1].Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", "from the other"), Plenty);
        Assert.Equal("from the other", Text(Assert.Single((await Store.GetStepsAsync(run.Id))!)));
    }

    [Fact]
    public async Task KeysOfOneRun_ShareAHashTag()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        await Store.ScheduleStepAsync(run.Id, 1, "b", Plenty, 0, Now);
        var names = await NamesAsync(run.Id);
        Assert.Equal(4, names.Length);
        Assert.All(names, name => Assert.StartsWith($"dg3:{{s{run.Id.Shard(StoreFixture.Shards)}}}:", name, StringComparison.Ordinal));
    }
}
