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
        for (var i = 2; i <= 1600; i++) await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"s{i}"), 2000);
        var history = await fixture.Node.History.GetAsync(run.Id);
        Assert.InRange(history.Count, 1000, 1408);

        // The beginning of the first attempt stays.
        Assert.Equal(Enumerable.Range(1602 - history.Count, history.Count - 1).Prepend(1).Select(n => (long)n),
            history.Select(entry => entry.Number));
        Assert.Equal(1599, (await fixture.Node.History.GetAsync(run.Id, 1598))[0].Number);
    }

    /// <summary>A run of many steps keeps its failed attempts, although the entries of its steps are cut.</summary>
    [Fact]
    public async Task History_OfManySteps_KeepsItsAttemptsAndFailures()
    {
        var run = await RunningAsync(ShortlyKept);
        await Store.ScheduleStepAsync(run.Id, 1, "pay", 2000, 0, Now, "busy");
        await Store.FailAsync(Key(run), 0, Now, new AttemptNote(new string('x', 120), 503, "http://orders:8080"));
        Assert.NotNull(await Store.ClaimAsync(run.Id, Owner, Now, LeaseEnd));
        for (var i = 2; i <= 1600; i++) await Store.StoreOutcomeAsync(run.Id, 2, Make.Outcome($"s{i}"), 2000);

        var history = await fixture.Node.History.GetAsync(run.Id);

        Assert.Equal([HistoryKind.AttemptBegan, HistoryKind.StepTryFailed, HistoryKind.AttemptFailed, HistoryKind.AttemptBegan],
            history.Where(entry => entry.Kind != HistoryKind.StepCompleted).Select(entry => entry.Kind));
        Assert.Equal(new string('x', 120), history.Single(entry => entry.Kind == HistoryKind.AttemptFailed).Text);
        Assert.InRange(history.Count, 1000, 1408);
        Assert.Equal(history.OrderBy(entry => entry.Number), history);
    }

    /// <summary>An entry that is longer than a field has several, also where the first of them move to the list.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public async Task History_OfLongEntries_HasThemWhole(int before)
    {
        var run = await RunningAsync(ShortlyKept);
        for (var i = 2; i <= before; i++) await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"s{i}"), Plenty);
        foreach (var length in new[] { 63, 64, 100, 150, 200, 300 })
            await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome(new string('é', length)), Plenty);
        await Store.FailAsync(Key(run), 0, Now.AddSeconds(1), new AttemptNote(new string('x', 120), 503, "http://orders:8080"));
        var history = await fixture.Node.History.GetAsync(run.Id);
        Assert.Equal([63, 64, 100, 150, 200, 300], history.Skip(before).SkipLast(1).Select(entry => entry.Text.Length));
        Assert.All(history.Skip(before).SkipLast(1), entry => Assert.DoesNotContain(entry.Text, letter => letter != 'é'));
        Assert.Equal((new string('x', 120), 503, "http://orders:8080"), (history[^1].Text, history[^1].Status, history[^1].Destination));
        foreach (var entry in history)
            Assert.Equal(history.Where(other => other.Number > entry.Number), await fixture.Node.History.GetAsync(run.Id, entry.Number));
    }

    /// <summary>A row of the list of runs says why a run failed last. The entry of the history may be in the list by then.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(30)]
    public async Task History_SaysWhyTheRunFailedLast(int later)
    {
        var run = await RunningAsync(ShortlyKept);
        var note = new AttemptNote(new string('x', 120), 503, "http://orders:8080");
        await Store.FailAsync(Key(run), 0, Now.AddSeconds(1), note);
        await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd.AddSeconds(10));
        for (var i = 0; i < later; i++) await Store.StoreOutcomeAsync(run.Id, 2, Make.Outcome($"s{i}"), Plenty);
        Assert.Equal(note, (await fixture.Node.Records.GetAsync(run.Id))!.Note);
        await Store.ScheduleStepAsync(run.Id, 2, "last", Plenty, 0, Now.AddSeconds(1), "no paper");
        Assert.Equal("step last: no paper", (await fixture.Node.Records.GetAsync(run.Id))!.Note.Reason);
        await Store.EndAsync(new AttemptKey(run.Id, 2, Owner), RunState.Failed, Make.Response("no", 502), ShortlyKept, null, note);
        Assert.Equal(note with { Status = 502 }, (await fixture.Node.Records.GetAsync(run.Id))!.Note);
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
