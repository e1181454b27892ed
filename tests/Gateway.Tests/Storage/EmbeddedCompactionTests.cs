using System.Security.Cryptography;
using System.Text;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Stores;

/// <summary>The embedded store's files stay small, and nothing that is alive is lost by it.</summary>
public sealed class EmbeddedCompactionTests : IDisposable
{
    private const int BigBytes = 4 << 20;

    /// <summary>Together they are larger than an entry of the file can be.</summary>
    private const int BigSteps = 10;
    private const string LeftOver = "{s1}stream:copy";

    private readonly string _directory = Directory.CreateTempSubdirectory("durable-compact-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

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
            for (var i = 0; i < BigSteps; i++) await node.Store.StoreOutcomeAsync(alive[1].Id, 1, Make.Outcome($"big {i}", Convert.ToHexString(RandomNumberGenerator.GetBytes(BigBytes / 2))), 100);
            await node.Connection.ExecuteAsync(db => db.ListRightPushAsync(LeftOver, "of a process that was killed"));

            // Results that are gone after a second, until most of what was written is gone too.
            var gone = new RunPolicy { Retention = TimeSpan.FromSeconds(1) };
            var big = RandomNumberGenerator.GetBytes(BigBytes);
            for (var i = 0; i < 90 || Size() > written / 2; i++)
            {
                Assert.True(i < 1000, $"Of {written >> 20} MiB written, {Size() >> 20} MiB are on disk.");
                var run = Make.Run(gone);
                await node.Store.CreateRunningAsync(run, "owner", Make.Start);
                await node.Store.EndAsync(new AttemptKey(run.Id, 1, "owner"), RunState.Completed, Make.Response() with { Body = big }, gone);
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

    private static StreamEvent[] Events() => [.. Enumerable.Range(1, 600).Select(i => new StreamEvent($"{i}", Encoding.UTF8.GetBytes($"id: {i}\ndata: {i}\n\n")))];

    private static async Task AssertAliveAsync(IRunStore store, NewRun run)
    {
        var step = (await store.GetStepsAsync(run.Id))![0];
        Assert.Equal(Make.Outcome("a", run.Id.ToString()).Body.ToArray(), step.Body.ToArray());
    }

    private long Size() => new DirectoryInfo(_directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
}
