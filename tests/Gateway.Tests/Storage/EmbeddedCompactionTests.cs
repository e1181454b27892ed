using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>The files of the embedded store stay small, and compaction loses no live data.</summary>
public sealed class EmbeddedCompactionTests : IDisposable
{
    private const int BigBytes = 4 << 20;

    /// <summary>Together, the steps are larger than the maximum entry of the file.</summary>
    private const int BigSteps = 10;
    private const string LeftOver = "{s1}stream:copy";

    private readonly string _directory = Directory.CreateTempSubdirectory("durable-compact-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>A search reads the whole store: once a second, a gateway with much stored data would do little else.</summary>
    [Theory]
    [InlineData(1, false, 200)]
    [InlineData(50, false, 10_000)]
    [InlineData(50, true, 1_000)]
    [InlineData(10_000, false, 600_000)]
    public void SearchForExpiredKeys_TakesASmallShareOfTheTime(int search, bool isNearlyFull, int pause) =>
        Assert.Equal(
            TimeSpan.FromMilliseconds(pause),
            EmbeddedCompaction.PauseAfterSearch(TimeSpan.FromMilliseconds(search), isNearlyFull));

    [Fact]
    public async Task FilesStaySmall_AndWhatIsAliveIsThere_AlsoAfterARestart()
    {
        var alive = Enumerable.Range(0, 50).Select(_ => Make.Run()).ToArray();
        var written = 0L;
        await using (var node = await StoreNode.OpenAsync(StoreFixture.Settings(null, _directory)))
        {
            foreach (var run in alive)
            {
                await node.Store.CreateRunningAsync(run, "owner", Make.Start);
                await node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", run.Id.ToString()), 10);
            }

            await node.Streams.AppendAsync(new AttemptKey(alive[0].Id, 1, "owner"), Make.Response(), Events(), BigBytes);
            for (var i = 0; i < BigSteps; i++) await node.Store.StoreOutcomeAsync(alive[1].Id, 1,
                Make.Outcome($"big {i}", Convert.ToHexString(RandomNumberGenerator.GetBytes(BigBytes / 2))), 100);
            await node.Connection.ExecuteAsync(db => db.ListRightPushAsync(LeftOver, "of a process that was killed"));

            // These results expire after a second. Write until compaction has removed most of the data.
            var gone = new RunPolicy { Retention = TimeSpan.FromSeconds(1) };
            var big = RandomNumberGenerator.GetBytes(BigBytes);
            for (var i = 0; i < 90 || Size() > written / 2; i++)
            {
                Assert.True(i < 1000, $"Of {written >> 20} MiB written, {Size() >> 20} MiB are on disk.");
                var run = Make.Run(gone);
                await node.Store.CreateRunningAsync(run, "owner", Make.Start);
                await node.Store.EndAsync(new AttemptKey(run.Id, 1, "owner"), RunState.Completed,
                    Make.Response() with { Body = big }, gone);
                written += BigBytes;
                await AssertAliveAsync(node.Store, alive[i % alive.Length]);
            }

            foreach (var run in alive) await AssertAliveAsync(node.Store, run);
        }

        await using var again = await StoreNode.OpenAsync(StoreFixture.Settings(null, _directory));
        foreach (var run in alive) await AssertAliveAsync(again.Store, run);
        Assert.Equal(1 + BigSteps, (await again.Store.GetStepsAsync(alive[1].Id))!.Count);
        Assert.Equal(Events().SelectMany(one => one.Bytes.ToArray()), (await again.Streams.ReadAllAsync(alive[0].Id)).ToArray());
        Assert.False(await again.Connection.ExecuteAsync(db => db.KeyExistsAsync(LeftOver)));
        var claimed = (await again.Store.ClaimAsync(alive[0].Id, "other", Make.Start, Make.Start.AddSeconds(10)))!;
        Assert.Equal(2, claimed.Attempt);
    }

    /// <summary>Calls continue during compaction. What they write, change and delete is in the file and in memory afterwards.</summary>
    [Fact]
    public async Task CallsPass_WhileItCompacts_AndNothingTheyDoIsLost()
    {
        const int Writers = 4;
        const int Entries = 2000;
        var kept = Enumerable.Range(0, 40).Select(_ => Make.Run()).ToArray();
        var written = new Dictionary<RunId, int>();
        var big = RandomNumberGenerator.GetBytes(1 << 20);
        await using (var node = await StoreNode.OpenAsync(StoreFixture.Settings(null, _directory)))
        {
            foreach (var run in kept)
            {
                await node.Store.CreateRunningAsync(run, "owner", Make.Start);
                await node.Store.EndAsync(new AttemptKey(run.Id, 1, "owner"), RunState.Completed,
                    Make.Response() with { Body = big }, run.Policy);
            }

            await node.Connection.ExecuteAsync(async db =>
            {
                await db.HashSetAsync("{s1}numbers", [.. Enumerable.Range(0, Entries).Select(i => new HashEntry(i, new string('x', 200)))]);
                return true;
            });
            await node.Connection.ExecuteAsync(db =>
                db.SortedSetAddAsync("{s1}places", [.. Enumerable.Range(0, Entries).Select(i => new SortedSetEntry($"{i:D200}", i))]));
            await node.Connection.ExecuteAsync(db =>
                db.ListRightPushAsync("{s1}list", [.. Enumerable.Range(0, Entries).Select(i => (RedisValue)i)]));

            using var stop = new CancellationTokenSource();
            var calls = 0;
            var writing = Enumerable.Range(0, Writers).Select(async writer =>
            {
                var run = Make.Run();
                await node.Store.CreateRunningAsync(run, "owner", Make.Start);
                for (var i = 0; !stop.IsCancellationRequested && i < 5000; i++)
                {
                    Assert.Equal(StepVerdict.Created,
                        (await node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"s{i}", new string('y', 500)), 10_000)).Verdict);
                    lock (written) written[run.Id] = i + 1;
                    if (writer == 0) await node.Connection.ExecuteAsync(db => db.ListRightPushAsync("{s1}list", Entries + i));
                    if (writer == 1 && i < Entries) await node.Connection.ExecuteAsync(db => db.HashDeleteAsync("{s1}numbers", i));
                    if (writer == 2 && i < Entries)
                        await node.Connection.ExecuteAsync(db => db.SortedSetAddAsync("{s1}places", $"{i:D200}", -i));
                    Interlocked.Increment(ref calls);
                }
            }).ToArray();

            for (var round = 0; round < 3; round++)
            {
                var before = Volatile.Read(ref calls);
                var compacting = node.Connection.Compaction!.CompactAsync(CancellationToken.None);
                await compacting;
                Assert.True(Volatile.Read(ref calls) - before > 3, "No call passed while the store was compacted.");
            }

            await stop.CancelAsync();
            await Task.WhenAll(writing);
            await AssertAllAsync(node);
        }

        await using var again = await StoreNode.OpenAsync(StoreFixture.Settings(null, _directory));
        await AssertAllAsync(again);

        async Task AssertAllAsync(StoreNode node)
        {
            Assert.Equal(Writers, written.Count);
            foreach (var (run, steps) in written) Assert.Equal(steps, (await node.Store.GetStepsAsync(run))!.Count);
            foreach (var run in kept) Assert.Equal(big, (await node.Store.GetResultAsync(run.Id))!.Body.ToArray());
            var counts = written.Values.ToArray();
            var list = await node.Connection.ExecuteAsync(db => db.ListRangeAsync("{s1}list"));
            Assert.Equal(Enumerable.Range(0, list.Length), list.Select(item => (int)item));
            Assert.InRange(list.Length, Entries + counts.Min(), Entries + counts.Max() + 1);
            Assert.InRange(await node.Connection.ExecuteAsync(db => db.HashLengthAsync("{s1}numbers")), Entries - counts.Max() - 1,
                Entries - Math.Min(counts.Min(), Entries));
            var places = await node.Connection.ExecuteAsync(db => db.SortedSetRangeByRankWithScoresAsync("{s1}places"));
            Assert.Equal(Entries, places.Length);
            Assert.All(places, place =>
                Assert.Equal(Math.Abs(place.Score), int.Parse((string)place.Element!, CultureInfo.InvariantCulture)));
            Assert.InRange(places.Count(place => place.Score < 0), Math.Min(counts.Min(), Entries) - 1, Math.Min(counts.Max(), Entries));
        }
    }

    private static StreamEvent[] Events() =>
        [.. Enumerable.Range(1, 600).Select(i => new StreamEvent($"{i}", Encoding.UTF8.GetBytes($"id: {i}\ndata: {i}\n\n")))];

    private static async Task AssertAliveAsync(IRunStore store, NewRun run)
    {
        var step = (await store.GetStepsAsync(run.Id))![0];
        Assert.Equal(Make.Outcome("a", run.Id.ToString()).Body.ToArray(), step.Body.ToArray());
    }

    private long Size() => new DirectoryInfo(_directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
}
