using DurableGateway.Configuration;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>A notice is in the queue as soon as its cause is stored.</summary>
public abstract partial class StoreContract
{
    [Fact]
    public async Task Notice_OfARunThatFailedForGood_IsWrittenWithItsEnd()
    {
        await using var node = await TellingAsync(TimeSpan.FromHours(1));
        var (failed, completed) = (await RunningAsync(), await RunningAsync());
        for (var i = 0; i < 2; i++) await node.Store.EndAsync(Key(failed), RunState.Failed, Make.Response(), failed.Policy);
        await node.Store.EndAsync(Key(completed), RunState.Completed, Make.Response(), completed.Policy);

        Assert.Equal([NoticeKind.Failed], await NoticesAsync(failed));
        Assert.Empty(await NoticesAsync(completed));
    }

    [Fact]
    public async Task Notices_ThatNobodyWants_AreNotWritten()
    {
        var run = await RunningAsync();
        await Store.NoteMismatchAsync(run.Id, 1, 1, "\"a\"");
        for (var tries = 0; tries < 3; tries++) await Store.ScheduleStepAsync(run.Id, 1, "try", Plenty, -1, Now);
        await Store.EndAsync(Key(run), RunState.Failed, Make.Response(), run.Policy);
        Assert.Empty(await NoticesAsync(run));
    }

    [Fact]
    public async Task Notice_OfAMismatch_IsWrittenOnce()
    {
        await using var node = await TellingAsync(TimeSpan.FromHours(1));
        var run = await RunningAsync();
        for (var i = 0; i < 3; i++) await node.Store.NoteMismatchAsync(run.Id, 1, 1, "\"a\"");
        Assert.Equal([NoticeKind.Mismatch], await NoticesAsync(run));
    }

    [Fact]
    public async Task Notice_OfAStuckRun_IsWrittenOnce_UntilItHasGoneOn()
    {
        // With this setting, the second consecutive failure exceeds the limit.
        await using var node = await TellingAsync(TimeSpan.Zero);
        var run = Make.Run();
        await node.Store.CreateWaitingAsync(run, Owner, Now);
        Assert.Empty(await NoticesAsync(run));

        for (var attempt = 2; attempt < 5; attempt++) await FailAsync(attempt);
        Assert.Equal([NoticeKind.Stuck], await NoticesAsync(run));

        await node.Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
        await node.Store.StoreOutcomeAsync(run.Id, 5, Make.Outcome("a"), Plenty);
        await ExecuteAsync(db => db.KeyDeleteAsync(KeysOf(run.Id).Due));
        await node.Store.FailAsync(new AttemptKey(run.Id, 5, Owner), null, Now);
        Assert.Empty(await NoticesAsync(run));

        await node.Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
        await node.Store.FailAsync(new AttemptKey(run.Id, 6, Owner), 0, Now);
        Assert.Empty(await NoticesAsync(run));
        await FailAsync(7, failures: 1);
        Assert.Equal([NoticeKind.Stuck], await NoticesAsync(run));

        async Task FailAsync(int attempt, int? failures = null)
        {
            Assert.Equal(attempt, (await node.Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd))!.Attempt);
            Assert.Equal(ParkVerdict.Done,
                (await node.Store.FailAsync(new AttemptKey(run.Id, attempt, Owner), failures ?? attempt - 1, Now)).Verdict);
        }
    }

    [Fact]
    public async Task Notice_OfARunWithAStuckStep_IsWrittenOnce()
    {
        await using var node = await TellingAsync(TimeSpan.Zero);
        var run = await RunningAsync();
        await node.Store.ScheduleStepAsync(run.Id, 1, "try", Plenty, 0, Now);
        Assert.Empty(await NoticesAsync(run));
        for (var attempt = 2; attempt < 4; attempt++)
        {
            await node.Store.SuspendAsync(new AttemptKey(run.Id, attempt - 1, Owner));
            await node.Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
            Assert.Equal(StepVerdict.Scheduled,
                (await node.Store.ScheduleStepAsync(run.Id, attempt, "try", Plenty, attempt - 1, Now)).Verdict);
        }

        Assert.Equal([NoticeKind.Stuck], await NoticesAsync(run));
    }

    private Task<StoreNode> TellingAsync(TimeSpan stuckAfter) => StoreNode.OpenAsync(StoreFixture.Settings(fixture.ConnectionString) with
    {
        Notices = new NoticeSettings(new Uri("http://127.0.0.1/"), [], [.. Enum.GetValues<NoticeKind>()], stuckAfter),
    });

    private async Task<NoticeKind[]> NoticesAsync(NewRun run)
    {
        var entries = await ExecuteAsync(db => db.SortedSetRangeByRankAsync(KeysOf(run.Id).Due));
        return [.. entries.Select(entry => Notice.TryParse(entry.ToString(), out var notice) ? notice : default)
            .Where(notice => notice.Run == run.Id).Select(notice => notice.Kind)];
    }
}
