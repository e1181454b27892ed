using DurableGateway.Replay;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Replay;

[Trait("Category", "Unit")]
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
        _backlog.Add(first.Shard);
        Assert.Equal([2, 1], TakeAll());
    }

    [Fact]
    public void HeldShard_ComesOnlyWhenItsClusterHasRoom()
    {
        _backlog.Hold("full", 1, default);
        _backlog.Hold("other", 2, default);
        Assert.True(_backlog.TryTake(cluster => cluster == "other", out var look));
        Assert.Equal(new Look(LookKind.Held, 2, "other"), look);
        Assert.False(_backlog.TryTake(cluster => cluster == "other", out _));
        Assert.False(_backlog.IsEmpty);
        Assert.Equal([1], TakeAll());
    }

    [Fact]
    public void ShardHeldForTwoClusters_IsLookedAtForEach()
    {
        _backlog.Hold("a", 1, default);
        _backlog.Hold("b", 1, default);
        Assert.Equal([1, 1], TakeAll());
    }

    /// <summary>A cluster that always has free slots and due runs does not delay another cluster.</summary>
    [Fact]
    public void Clusters_ComeInTurn()
    {
        for (var shard = 1; shard <= 3; shard++) _backlog.Hold("busy", shard, default);
        _backlog.Hold("other", 9, default);
        Assert.Equal([1, 9, 2, 3], TakeAll());
    }

    [Fact]
    public void HeldShard_IsLookedAtFromTheFirstOfItsPlaces()
    {
        _backlog.Hold("a", 1, new QueuePlace(7, 3));
        _backlog.Hold("a", 1, new QueuePlace(7, 1));
        _backlog.Hold("a", 1, new QueuePlace(8, 0));
        Assert.True(_backlog.TryTake(_ => true, out var look));
        Assert.Equal(new QueuePlace(7, 1), look.From);
        Assert.True(_backlog.IsEmpty);
    }

    [Fact]
    public void Kinds_ComeInTurn()
    {
        for (var shard = 1; shard <= 2; shard++)
        {
            _backlog.Add(shard);
            _backlog.AddAgain(shard + 10);
            _backlog.Hold("a", shard + 20, default);
        }

        Assert.Equal([21, 11, 1, 22, 12, 2], TakeAll());
    }

    private List<int> TakeAll()
    {
        var shards = new List<int>();
        while (_backlog.TryTake(_ => true, out var look)) shards.Add(look.Shard);
        return shards;
    }
}
