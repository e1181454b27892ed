using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The newest entries of a history are in the hash of the run. The others are in a list.</summary>
public abstract partial class StoreContract
{
    private static readonly RunPolicy ShortlyKept = new() { RunTimeout = TimeSpan.FromHours(2), Retention = TimeSpan.FromMinutes(10) };

    /// <summary>The last lengths before and after entries move to the list, and some longer ones.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(30)]
    public async Task History_HasEveryEntryOnce_InItsOrder(int entries)
    {
        var run = await RunningAsync(ShortlyKept);
        for (var i = 2; i <= entries; i++) await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"s{i}"), Plenty);
        var history = await fixture.Node.History.GetAsync(run.Id);
        Assert.Equal(Enumerable.Range(1, entries).Select(n => (long)n), history.Select(entry => entry.Number));
        Assert.Equal([Owner, .. Enumerable.Range(2, entries - 1).Select(i => $"s{i}")], history.Select(entry => entry.Text));
        for (var after = 0; after <= entries; after++)
            Assert.Equal(history.Skip(after), await fixture.Node.History.GetAsync(run.Id, after));
    }

    [Fact]
    public async Task History_OfManyEntries_HasTheNewestThousand()
    {
        var run = await RunningAsync(ShortlyKept);
        for (var i = 2; i <= 1200; i++) await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"s{i}"), 2000);
        var history = await fixture.Node.History.GetAsync(run.Id);
        Assert.InRange(history.Count, 1000, 1108);
        Assert.Equal(Enumerable.Range(1201 - history.Count, history.Count).Select(n => (long)n), history.Select(entry => entry.Number));
        Assert.Equal(1199, (await fixture.Node.History.GetAsync(run.Id, 1198))[0].Number);
    }

    [Fact]
    public async Task History_InAList_ExpiresWithTheRun()
    {
        var run = await RunningAsync(ShortlyKept);
        for (var i = 0; i < 9; i++) await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"s{i}"), Plenty);
        await AssertEveryKeyExpiresAsync(run.Id, ShortlyKept.Lifetime, keys: 4);
        await Store.EndAsync(Key(run), RunState.Completed, Make.Response(), ShortlyKept);
        await AssertEveryKeyExpiresAsync(run.Id, ShortlyKept.Retention, keys: 5);
    }

    [Fact]
    public async Task History_OfNoRun_IsEmpty() => Assert.Empty(await fixture.Node.History.GetAsync(Make.RunId()));
}
