using System.Security.Cryptography;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The embedded store refuses new runs long before its memory is exhausted, and runs in progress continue.</summary>
public sealed class StoreCapacityTests : IDisposable
{
    private const long Limit = 16 << 20;
    private const string Owner = "owner";

    private static readonly RunPolicy Brief = new() { Retention = TimeSpan.FromSeconds(2) };

    private readonly string _directory = Directory.CreateTempSubdirectory("durable-capacity-").FullName;
    private readonly byte[] _mebibyte = RandomNumberGenerator.GetBytes(1 << 20);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task NewRunsAreRefusedFirst_ThenCheckpointsAndResults_AndAllIsThereAfterARestart()
    {
        var underWay = Make.Run();
        var ended = new List<NewRun>();
        var steps = 0;
        await using (var node = await OpenAsync())
        {
            await node.Store.CreateRunningAsync(underWay, Owner, Make.Start);
            var full = await RefusedAsync(async () =>
            {
                var run = Make.Run();
                await node.Store.CreateRunningAsync(run, Owner, Make.Start);
                await node.Store.EndAsync(KeyOf(run), RunState.Completed, Big(), run.Policy);
                ended.Add(run);
            }, 100);
            Assert.True(full.IsFull && !full.MayHaveHappened);
            Assert.Contains("Durable:Store:MaxBytes", full.Message, StringComparison.Ordinal);
            Assert.InRange(ended.Count, 8, 16);

            // The run in progress is not affected until the second limit.
            full = await RefusedAsync(async () =>
            {
                await node.Store.StoreOutcomeAsync(underWay.Id, 1, Make.Outcome($"s{steps}", Convert.ToBase64String(_mebibyte)), 1000);
                steps++;
            }, 100);
            Assert.True(full.IsFull);
            Assert.InRange(steps, 1, 10);
            Assert.True((await Assert.ThrowsAsync<StoreUnavailableException>(() => node.Store.EndAsync(KeyOf(underWay), RunState.Completed,
                Big(), underWay.Policy))).IsFull);
            Assert.InRange(node.Connection.Capacity!.Used, Limit, 2 * Limit);

            // The run can be read, renewed and claimed, and it can end without a large result.
            Assert.True(await node.Store.RenewAsync(KeyOf(underWay), Make.Start));
            Assert.NotNull(await node.Store.GetResultAsync(ended[0].Id));
        }

        await using var again = await OpenAsync();
        foreach (var run in ended) Assert.Equal(_mebibyte, (await again.Store.GetResultAsync(run.Id))!.Body.ToArray());
        Assert.Equal(steps, (await again.Store.GetStepsAsync(underWay.Id))!.Count);
        Assert.True((await Assert.ThrowsAsync<StoreUnavailableException>(() => again.Store.CreateRunningAsync(Make.Run(), Owner,
            Make.Start))).IsFull);
        await again.Store.EndAsync(KeyOf(underWay), RunState.Failed, Make.Response(status: 504), underWay.Policy);
        Assert.Equal(RunState.Failed, (await again.Store.GetSnapshotAsync(underWay.Id))!.State);
    }

    /// <summary>
    /// Large values have their own memory. Small values are in the memory's log, which only compaction shortens.
    /// </summary>
    [Theory]
    [InlineData(1 << 20, 200)]
    [InlineData(3000, 20_000)]
    public async Task RoomIsThereAgain_WhenWhatIsKeptHasExpired(int bytes, int most)
    {
        await using var node = await OpenAsync();
        var alive = Make.Run();
        await node.Store.CreateRunningAsync(alive, Owner, Make.Start);
        var body = RandomNumberGenerator.GetBytes(bytes);

        for (var round = 0; round < 2; round++)
        {
            await RefusedAsync(() => Task.WhenAll(Enumerable.Range(0, bytes < 100_000 ? 50 : 1).Select(async _ =>
            {
                var run = Make.Run(Brief);
                await node.Store.CreateRunningAsync(run, Owner, Make.Start);
                await node.Store.EndAsync(KeyOf(run), RunState.Completed, Make.Response() with { Body = body }, Brief);
            })), most);
            await Eventually.TrueAsync(() => node.Connection.Capacity!.Used < Limit / 4 * 3, "there is room");
            Assert.NotNull(await node.Store.GetSnapshotAsync(alive.Id));
        }
    }

    [Theory]
    [InlineData(24L << 30, 2L << 30)]
    [InlineData(3L << 30, 1L << 30)]
    [InlineData(32L << 20, 16L << 20)]
    public void Default_FollowsTheMemoryOfTheProcess(long memory, long expected) =>
        Assert.Equal(expected, DurableGateway.Configuration.StoreLimits.ByMemory(memory));

    private Task<StoreNode> OpenAsync() => StoreNode.OpenAsync(StoreFixture.Settings(null, _directory, maxStoreBytes: Limit));

    private static async Task<StoreUnavailableException> RefusedAsync(Func<Task> write, int most)
    {
        for (var i = 0; i < most; i++)
        {
            try
            {
                await write();
            }
            catch (StoreUnavailableException e)
            {
                return e;
            }
        }

        throw new InvalidOperationException($"Nothing was refused in {most} calls.");
    }

    private StoredResponse Big() => Make.Response() with { Body = _mebibyte };

    private static AttemptKey KeyOf(NewRun run) => new(run.Id, 1, Owner);
}
