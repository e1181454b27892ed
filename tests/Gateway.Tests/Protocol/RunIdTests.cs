using DurableGateway.Protocol;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Protocol;

[Trait("Category", "Unit")]
public sealed class RunIdTests
{
    [Fact]
    public void New_IsAVersion7UuidInLowerCase() =>
        Assert.Matches("^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", RunId.New(Make.Start).ToString());

    [Fact]
    public void New_SortsByTime() =>
        Assert.True(string.CompareOrdinal(RunId.New(Make.Start).ToString(), RunId.New(Make.Start.AddMilliseconds(1)).ToString()) < 0);

    /// <summary>Random bytes come by the page: none is given out twice, on whatever thread.</summary>
    [Fact]
    public async Task New_IsAnotherOneEachTime()
    {
        var ids = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
            () => Enumerable.Range(0, 5000).Select(_ => RunId.New(Make.Start)).ToArray())));
        Assert.Equal(20_000, ids.SelectMany(each => each).Distinct().Count());
    }

    [Fact]
    public void New_HasTheTimeInItsFirstBytes() =>
        Assert.StartsWith(Guid.CreateVersion7(Make.Start).ToString()[..13], RunId.New(Make.Start).ToString(), StringComparison.Ordinal);

    [Fact]
    public void OwnSpelling_Parses()
    {
        var id = RunId.New(Make.Start);
        Assert.True(RunId.TryParse(id.ToString(), out var parsed));
        Assert.Equal(id, parsed);
    }

    [Fact]
    public void AnyOtherSpelling_IsRefused()
    {
        var text = "019c0000-abcd-7abc-8abc-0123456789ab";
        Assert.True(RunId.TryParse(text, out _));
        Assert.All(
            [text.ToUpperInvariant(), text.Replace("-", "", StringComparison.Ordinal), $"{{{text}}}", $"({text})", " " + text, text + " ",
                text[..^1], "A" + text[1..].Replace('0', 'F'), "", "x", null],
            spelling => Assert.False(RunId.TryParse(spelling, out _)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(100)]
    public void RunsOfOneInstant_SpreadOverAllShards(int shards)
    {
        const int PerShard = 200;
        var counts = new int[shards];
        for (var i = 0; i < PerShard * shards; i++) counts[RunId.New(Make.Start).Shard(shards)]++;
        Assert.All(counts, count => Assert.InRange(count, PerShard / 2, PerShard * 2));
    }

    [Fact]
    public void Shard_IsFixedForEver()
    {
        // Runs are found again by this number: it may not change with the code or the platform.
        Assert.True(RunId.TryParse("019c0000-abcd-7abc-8abc-0123ffffffff", out var id));
        Assert.Equal(63, id.Shard(64));
        Assert.Equal((int)(uint.MaxValue % 100), id.Shard(100));
    }
}
