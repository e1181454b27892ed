using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>With <c>MinReplicas</c>, every confirmed write is on that many replicas, so the loss of a primary does not lose it.</summary>
public sealed class ReplicaTests
{
    private const int Plenty = 1000;

    [Fact]
    public async Task TooFewReplicas_NothingIsAnswered_AndAllGoesOnWhenThereAreEnough()
    {
        RedisServer.SkipIfMissing();
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var replica = await RedisServer.StartAsync("--replicaof", $"127.0.0.1 {primary.Port}",
            "--repl-diskless-sync-delay", "0");
        await using var node = await StoreNode.OpenAsync(StoreFixture.Settings(primary.ConnectionString, minReplicas: 1));
        var run = Make.Run();
        await Eventually.TrueAsync(async () => await WorksAsync(() => node.Store.CreateRunningAsync(run, "owner", Make.Start)),
            "the replica has it");
        Assert.Equal(StepVerdict.Created, (await node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty)).Verdict);

        await replica.KillAsync();
        var error = await Assert.ThrowsAsync<StoreUnavailableException>(() =>
            node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("b"), Plenty));
        Assert.Contains("MinReplicas", error.Message, StringComparison.Ordinal);
        Assert.True(error.MayHaveHappened);

        // The call is repeated when the replica is back: the first write is kept, and is confirmed now.
        await replica.StartAgainAsync();
        StepAnswer answer = default;
        await Eventually.TrueAsync(() => WorksAsync(async () =>
            answer = await node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("b"), Plenty)), "the replica is back");
        Assert.Equal(StepVerdict.Stored, answer.Verdict);
    }

    /// <summary>A replica that has not received a claim is promoted. Another attempt then gets the same number.</summary>
    [Fact]
    public async Task PromotedReplica_HasNotSeenAClaim_TheAttemptOfThatClaimChangesNothing()
    {
        RedisServer.SkipIfMissing();
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var replica = await RedisServer.StartAsync("--replicaof", $"127.0.0.1 {primary.Port}",
            "--repl-diskless-sync-delay", "0");
        await using var before = await StoreNode.OpenAsync(StoreFixture.Settings(primary.ConnectionString));
        var run = Make.Run();
        var due = Make.Start.AddSeconds(10);
        await before.Store.CreateRunningAsync(run, "owner", due);
        await Eventually.TrueAsync(async () =>
            (await RedisCluster.AskAsync(replica, "exists", new StoreKeys(run.Id, StoreFixture.Shards).Run.ToString())).Trim() == "1",
            "the replica has the run");
        await RedisCluster.AskAsync(replica, "replicaof", "no", "one");
        Assert.Equal(2, (await before.Store.ClaimAsync(run.Id, "owner", due, due.AddSeconds(10), nonce: 1))!.Attempt);
        await primary.KillAsync();

        await using var after = await StoreNode.OpenAsync(StoreFixture.Settings(replica.ConnectionString));
        Assert.Equal(2, (await after.Store.ClaimAsync(run.Id, "owner", due, due.AddSeconds(10), nonce: 2))!.Attempt);
        var lost = new AttemptKey(run.Id, 2, "owner", 1);

        Assert.Equal(StepVerdict.Superseded, (await after.Store.StartStepAsync(run.Id, lost.Fence, Plenty, Make.Failure("once"))).Verdict);
        Assert.Equal(StepVerdict.Created,
            (await after.Store.StartStepAsync(run.Id, lost.Fence with { Nonce = 2 }, Plenty, Make.Failure("once"))).Verdict);
        Assert.False(await after.Store.RenewAsync(lost, due.AddDays(1)));
        Assert.Equal(ParkVerdict.Lost, (await after.Store.EndAsync(lost, RunState.Completed, Make.Response(), run.Policy)).Verdict);
    }

    /// <summary>With enough replicas required, no number is used twice: a claim that is on no replica starts no attempt.</summary>
    [Fact]
    public async Task TooFewReplicas_NoAttemptBegins()
    {
        RedisServer.SkipIfMissing();
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var replica = await RedisServer.StartAsync("--replicaof", $"127.0.0.1 {primary.Port}",
            "--repl-diskless-sync-delay", "0");
        await using var node = await StoreNode.OpenAsync(StoreFixture.Settings(primary.ConnectionString, minReplicas: 1));
        var run = Make.Run();
        var due = Make.Start.AddSeconds(10);
        await Eventually.TrueAsync(() => WorksAsync(() => node.Store.CreateRunningAsync(run, "owner", due)), "the replica has it");

        await replica.KillAsync();
        var error = await Assert.ThrowsAsync<StoreUnavailableException>(() =>
            node.Store.ClaimAsync(run.Id, "owner", due, due.AddSeconds(10), nonce: 1));
        Assert.True(error.MayHaveHappened);
    }

    [Fact]
    public async Task PrimaryOfAClusterDiesInMidLoad_EveryAnsweredStepIsThere()
    {
        RedisServer.SkipIfMissing();
        await using var cluster = await RedisCluster.StartAsync(replicas: 1);
        await using var node = await StoreNode.OpenAsync(StoreFixture.Settings(cluster.ConnectionString, minReplicas: 1));
        var run = Make.Run();
        await Eventually.TrueAsync(() => WorksAsync(() => node.Store.CreateRunningAsync(run, "owner", Make.Start)),
            "the run is stored");
        var key = new StoreKeys(run.Id, StoreFixture.Shards).Run.ToString();
        var primary = (await cluster.PrimaryOfAsync(key))!;

        var answered = new List<string>();
        var enough = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var load = Task.Run(async () =>
        {
            for (var step = 0; step < Plenty; step++)
            {
                try
                {
                    var answer = await node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"s{step}"), Plenty);
                    if (answer.Verdict != StepVerdict.Created) continue;
                    answered.Add($"s{step}");
                    if (answered.Count == 50) enough.TrySetResult();
                    if (enough.Task.IsCompleted && answered.Count > 100) return;
                }
                catch (StoreUnavailableException) when (enough.Task.IsCompleted)
                {
                    // During the failover there is no primary, or it has no replica. A call that fails then does not count as answered.
                }
            }
        });
        await enough.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await primary.KillAsync();
        await Eventually.TrueAsync(async () => await cluster.PrimaryOfAsync(key) is { } successor && successor != primary,
            "a replica has taken over");

        // The old primary comes back as the replica that the new primary needs.
        await primary.StartAgainAsync();
        await load.WaitAsync(TimeSpan.FromSeconds(60));

        Assert.NotEqual(primary, await cluster.PrimaryOfAsync(key));
        var stored = (await node.Store.GetStepsAsync(run.Id))!.Select(step => step.Id).ToHashSet();
        Assert.DoesNotContain(answered, step => !stored.Contains(step));
    }

    [Fact]
    public async Task BarrierStillAsksTheFormerPrimary_TopologyIsReadAgain_AndWritesAreAccepted()
    {
        RedisServer.SkipIfMissing();
        await using var first = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var second = await RedisServer.StartAsync("--replicaof", $"127.0.0.1 {first.Port}", "--repl-diskless-sync-delay", "0");
        await using var node = await StoreNode.OpenAsync(StoreFixture.Settings($"{first.ConnectionString},{second.ConnectionString}",
            minReplicas: 1));
        var run = Make.Run();
        await Eventually.TrueAsync(() => WorksAsync(() => node.Store.CreateRunningAsync(run, "owner", Make.Start)),
            "the run is stored");

        await RedisCluster.AskAsync(second, "replicaof", "no", "one");
        await RedisCluster.AskAsync(first, "replicaof", "127.0.0.1", $"{second.Port}");
        await Eventually.TrueAsync(
            async () => (await RedisCluster.AskAsync(second, "info", "replication")).Contains("state=online", StringComparison.Ordinal),
            "the new primary has a replica");

        // The connection for writes has found the new primary, but the connection of the barrier has not. Only the barrier's calls fail.
        await node.Connection.ExecuteAsync(db => db.Multiplexer.ConfigureAsync());
        await Eventually.TrueAsync(() => WorksAsync(() => node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty)),
            "a write is accepted");
    }

    /// <summary>If no server for a key is connected, the client library throws an exception that is not one of its own types.</summary>
    [Fact]
    public async Task PrimaryDiesDuringTheConfirmation_TheWriteMayHaveHappened()
    {
        RedisServer.SkipIfMissing();
        await using var primary = await RedisServer.StartAsync("--repl-diskless-sync-delay", "0");
        await using var replica = await RedisServer.StartAsync("--replicaof", $"127.0.0.1 {primary.Port}",
            "--repl-diskless-sync-delay", "0");
        await using var node = await StoreNode.OpenAsync(StoreFixture.Settings(primary.ConnectionString, minReplicas: 1));
        var run = Make.Run();
        await Eventually.TrueAsync(() => WorksAsync(() => node.Store.CreateRunningAsync(run, "owner", Make.Start)),
            "the replica has it");

        Signals.Stop(replica.ProcessId);
        var write = node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        try
        {
            await Eventually.TrueAsync(
                async () => (await RedisCluster.AskAsync(primary, "info", "clients")).Contains("blocked_clients:1",
                    StringComparison.Ordinal), "it waits for the replica");
            await primary.KillAsync();

            Assert.True((await Assert.ThrowsAsync<StoreUnavailableException>(() => write)).MayHaveHappened);
        }
        finally
        {
            Signals.Continue(replica.ProcessId);
        }
    }

    [Fact]
    public async Task SlotsMoveInMidLoad_EveryAnsweredStepIsThere()
    {
        RedisServer.SkipIfMissing();
        await using var cluster = await RedisCluster.StartAsync();
        await using var node = await StoreNode.OpenAsync(StoreFixture.Settings(cluster.ConnectionString));
        var runs = Enumerable.Range(0, 64).Select(_ => Make.Run()).ToArray();
        foreach (var run in runs) await node.Store.CreateRunningAsync(run, "owner", Make.Start);

        using var moved = new CancellationTokenSource();
        var answered = new List<(RunId, string)>();
        var load = Task.Run(async () =>
        {
            for (var step = 0; !moved.IsCancellationRequested; step++)
            {
                var run = runs[step % runs.Length].Id;
                if (await WorksAsync(async () => Assert.Equal(StepVerdict.Created,
                    (await node.Store.StoreOutcomeAsync(run, 1, Make.Outcome($"s{step}"), 100_000)).Verdict)))
                    answered.Add((run, $"s{step}"));
            }
        });
        var ids = await Task.WhenAll(cluster.Servers.Select(server => RedisCluster.AskAsync(server, "cluster", "myid")));
        await RedisCluster.ManageAsync("reshard", cluster.Servers[0].ConnectionString, "--cluster-from",
            ids[0].Trim(), "--cluster-to", ids[1].Trim(),
            "--cluster-slots", "3000", "--cluster-yes");
        await moved.CancelAsync();
        await load;

        Assert.NotEmpty(answered);
        var stored = new HashSet<(RunId, string)>();
        foreach (var run in runs) stored.UnionWith((await node.Store.GetStepsAsync(run.Id))!.Select(step => (run.Id, step.Id)));
        Assert.DoesNotContain(answered, step => !stored.Contains(step));
    }

    private static async Task<bool> WorksAsync(Func<Task> call)
    {
        try
        {
            await call();
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }
}
