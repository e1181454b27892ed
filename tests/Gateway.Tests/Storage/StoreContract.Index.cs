using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>The data that operators search does not grow with expired runs.</summary>
public abstract partial class StoreContract
{
    private static readonly RunPolicy LongLived = new() { RunTimeout = TimeSpan.FromDays(30), Retention = TimeSpan.FromMinutes(10) };

    [Fact]
    public async Task Index_OfAValue_LosesExpiredRuns_AsOthersOfTheValueCome()
    {
        var value = $"\"{Guid.NewGuid()}\"";
        var request = Make.Request() with { Headers = [new("Idempotency-Key", value)] };
        var (first, second, third) = (InShard(0), InShard(0), InShard(0));
        foreach (var run in new[] { first, second }) await Store.CreateRunningAsync(run with { Request = request }, Owner, LeaseEnd);
        var index = StoreKeys.InShard(0, RunIndex.OfSearched(value.Trim('"')));
        Assert.Equal(new[] { $"{first.Id}", $"{second.Id}" }.Order(StringComparer.Ordinal), await MembersAsync(index));
        await ExpireAsync(first, second);
        await Store.CreateRunningAsync(third with { Request = request }, Owner, LeaseEnd);
        Assert.Equal([$"{third.Id}"], await MembersAsync(index));
    }

    [Fact]
    public async Task Index_OfAStepWhoseNameHoldsAnId_ExpiresWithTheLastOfItsRuns()
    {
        var step = $"charge-{Random.Shared.Next():d10}";
        var index = StoreKeys.InShard(0, RunIndex.OfStep(step));
        var (first, second) = (InShard(0) with { Policy = LongLived }, InShard(0) with { Policy = LongLived });
        foreach (var run in new[] { first, second })
        {
            await Store.CreateRunningAsync(run, Owner, LeaseEnd);
            await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome(step), Plenty);
        }

        await Store.EndAsync(Key(first), RunState.Completed, Make.Response(), LongLived);
        Assert.True(await LeftAsync() > TimeSpan.FromDays(1), "The second run is still to be found.");
        await Store.CancelAsync(second.Id, LongLived.Retention);
        Assert.InRange(await LeftAsync(), LongLived.Retention - TimeSpan.FromMinutes(1), LongLived.Retention);

        async Task<TimeSpan> LeftAsync()
        {
            await fixture.Node.Index.FlushAsync();
            return (await ExecuteAsync(db => db.KeyTimeToLiveAsync(index))) ?? TimeSpan.MaxValue;
        }
    }

    [Fact]
    public async Task Index_OfAStepWhoseNameHoldsAnId_LastsAsLongAsARunThatAnOperatorLetsGoOn()
    {
        var step = $"charge-{Random.Shared.Next():d10}";
        var run = InShard(0) with { Policy = LongLived };
        await Store.CreateRunningAsync(run, Owner, LeaseEnd);
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome(step), Plenty);
        await Store.EndAsync(Key(run), RunState.Failed, Make.Response("no", 502), LongLived);
        Assert.Equal("done", await fixture.Node.Operations.ReviseAsync(run.Id, step, Make.Outcome(step, "2"), LongLived, ""));
        await fixture.Node.Index.FlushAsync();
        var left = await ExecuteAsync(db => db.KeyTimeToLiveAsync(StoreKeys.InShard(0, RunIndex.OfStep(step))));
        Assert.True(left > TimeSpan.FromDays(1), $"{left}");
    }

    private async Task<string[]> MembersAsync(RedisKey set)
    {
        await fixture.Node.Index.FlushAsync();
        return (await ExecuteAsync(db => db.SortedSetRangeByRankAsync(set))).ToStringArray()!;
    }

    private async Task ExpireAsync(params NewRun[] runs)
    {
        foreach (var run in runs) await ExecuteAsync(db => db.KeyDeleteAsync(KeysOf(run.Id).Run));
    }
}
