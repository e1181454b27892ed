using DurableGateway.Replay;

namespace DurableGateway.Tests.Unit;

public sealed class BacklogTests
{
    private readonly Backlog _backlog = new();

    [Fact]
    public void Shards_ComeInTurn_EachOnce()
    {
        _backlog.Add(1);
        _backlog.Add(2);
        _backlog.Add(1);
        Assert.Equal([1, 2], TakeAll());
        Assert.True(_backlog.IsEmpty);
    }

    [Fact]
    public void ShardThatHasMore_GoesBehindTheOthers()
    {
        _backlog.Add(1);
        _backlog.Add(2);
        Assert.True(_backlog.TryTake(_ => true, out var first));
        _backlog.Add(first);
        Assert.Equal([2, 1], TakeAll());
    }

    [Fact]
    public void HeldShard_ComesOnlyWhenItsClusterHasRoom()
    {
        _backlog.Hold("full", 1);
        _backlog.Hold("other", 2);
        Assert.True(_backlog.TryTake(cluster => cluster == "other", out var shard));
        Assert.Equal(2, shard);
        Assert.False(_backlog.TryTake(cluster => cluster == "other", out _));
        Assert.False(_backlog.IsEmpty);
        Assert.Equal([1], TakeAll());
    }

    [Fact]
    public void ShardHeldForTwoClusters_IsLookedAtForEach()
    {
        _backlog.Hold("a", 1);
        _backlog.Hold("b", 1);
        Assert.Equal([1, 1], TakeAll());
    }

    private List<int> TakeAll()
    {
        var shards = new List<int>();
        while (_backlog.TryTake(_ => true, out var shard)) shards.Add(shard);
        return shards;
    }
}
