using System.Globalization;
using System.Text;
using CsCheck;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage.Model;

public sealed class EmbeddedModelTests(EmbeddedStoreFixture fixture) : StoreModelTests(fixture), IClassFixture<EmbeddedStoreFixture>;

public sealed class RedisModelTests : StoreModelTests, IClassFixture<RedisStoreFixture>
{
    public RedisModelTests(RedisStoreFixture fixture) : base(fixture) => RedisServer.SkipIfMissing();
}

/// <summary>
/// Long random histories of calls, on the real scripts and on the model. After each call, the answers and the stored data must be equal.
/// The structure of the model enforces the invariants: a running or waiting run is in exactly one queue, and an ended run is in none. The
/// tests also check that attempt numbers never decrease, that outcomes never change, and that everything expires.
/// <c>DURABLE_MODEL_SECONDS</c> makes the search longer.
/// </summary>
public abstract class StoreModelTests(StoreFixture fixture)
{
    private static readonly int Seconds = int.TryParse(Environment.GetEnvironmentVariable("DURABLE_MODEL_SECONDS"), NumberStyles.None,
        CultureInfo.InvariantCulture, out var seconds)
        ? seconds
        : 5;
    private static readonly RunPolicy Policy = new() { RunTimeout = TimeSpan.FromMilliseconds(30), Retention = TimeSpan.FromHours(1) };

    /// <summary>Calls, some of which are made twice, as by a caller that got no answer.</summary>
    private static readonly Gen<Operation[]> Histories = Gen.Select(Operation.Any, Gen.Int[0, 4])
        .Select((operation, again) => again == 0 ? [operation, operation] : new[] { operation }).Array[1, 40]
        .Select(parts => parts.SelectMany(part => part).ToArray());

    private int _histories;
    private int _operations;

    [Fact]
    public async Task ScriptsDoWhatTheModelSays()
    {
        // A busy machine needs longer for a search that says something.
        for (var round = 0; round < 10 && _operations <= 100; round++) await SampleAsync(fixture.Store, Seconds);
        TestContext.Current.TestOutputHelper?.WriteLine($"{_histories} histories, {_operations} operations");
        Assert.True(_operations > 100, $"{_operations} operations");
    }

    [Theory]
    [InlineData("forgets the fence")]
    [InlineData("forgets the queue")]
    [InlineData("overwrites outcomes")]
    [InlineData("ends twice")]
    [InlineData("keeps for ever")]
    internal async Task StoreThatIsBroken_IsFoundOut(string how)
    {
        var broken = new BrokenStore(fixture.Store, fixture.Node.Connection, how);
        for (var i = 0; i < 3000; i++)
        {
            try
            {
                await CheckAsync(broken, Histories.Single());
            }
            catch (Xunit.Sdk.XunitException)
            {
                return;
            }
        }

        Assert.Fail($"A store that {how} goes unnoticed.");
    }

    private Task SampleAsync(IRunStore store, int seconds) =>
        Histories.SampleAsync(history => CheckAsync(store, history), time: seconds, threads: 1,
            print: history => string.Join(Environment.NewLine, history.Select(operation => operation.Name)));

    private async Task CheckAsync(IRunStore store, Operation[] history)
    {
        var run = Make.Run(Policy) with { StartedAt = Operation.Origin };
        var model = new RunModel(Operation.From(run.StartedAt.ToUnixTimeMilliseconds()),
            Operation.From(run.Deadline.ToUnixTimeMilliseconds()));
        var highest = 0;
        foreach (var operation in history)
        {
            var (after, expected) = operation.OnModel(model);
            Assert.Equal(expected, await operation.OnStore(store, run));
            await CheckStoredAsync(run, after, operation.Name);
            Assert.True(after.Attempt >= highest || after.State is null, "The attempt number has fallen.");
            foreach (var (step, outcome) in model.Steps.Where(step => step.Value is StepModel.Stored))
                Assert.Equal(outcome, after.Steps[step]);
            Assert.True(model.Result is null || model.Result == after.Result, "The result has changed.");
            (model, highest) = (after, after.Attempt);
            _operations++;
        }

        _histories++;
    }

    private async Task CheckStoredAsync(NewRun run, RunModel model, string after)
    {
        var keys = new StoreKeys(run.Id, StoreFixture.Shards);
        var connection = fixture.Node.Connection;
        Task<T> Ask<T>(Func<IDatabase, Task<T>> question) => connection.ExecuteAsync(question);
        var asks = (Fields: Ask(db => db.HashGetAllAsync(keys.Run)), Queued: Ask(db => db.SortedSetScoreAsync(keys.Due, run.Id.ToString())),
            Pending: Ask(db => db.SortedSetRangeByRankWithScoresAsync(keys.Pending)), Steps: Ask(db => db.HashGetAllAsync(keys.Steps)),
            Result: fixture.Store.GetResultAsync(run.Id));
        var fields = (await asks.Fields).ToDictionary(field => field.Name.ToString(), field => field.Value.ToString());
        var stored = model.Steps.Values.OfType<StepModel.Stored>().ToArray();
        string[] expected = model.State is null ? [] :
        [
            $"state {model.State.Value.Name()}", $"attempt {model.Attempt}", $"owner {model.Owner}", $"failures {model.Failures}",
            $"completed {stored.Count(step => !step.Failed)}", $"failed {stored.Count(step => step.Failed)}", $"seq {stored.Length}",
        ];
        Assert.Equal(expected, model.State is null
            ? fields.Keys.ToArray()
            : ["state", "attempt", "owner", "failures", "completed", "failed", "seq"],
            (wanted, name) => model.State is not null && wanted == $"{name} {fields.GetValueOrDefault(name, "0")}");
        Assert.Equal(model.Queued, (await asks.Queued) is { } score ? Operation.From(score) : null);
        Assert.Equal(model.Pending,
            (await asks.Pending).ToDictionary(entry => entry.Element.ToString(), entry => Operation.From(entry.Score)));
        Assert.Equal(
            model.Steps.Select(step => (step.Key, Kind(step.Value))).Order(),
            (await asks.Steps).Select(step => (step.Name.ToString(), ((byte[])step.Value!)[0] == 'P'
                ? Text(step.Value)
                : ((byte[])step.Value!)[0] == 'W'
                ? $"W{Operation.From(double.Parse(Text(step.Value)[1..].Split(':')[0], CultureInfo.InvariantCulture))}"
                : $"{(char)((byte[])step.Value!)[0]}")).Order());
        Assert.Equal(model.Result, (await asks.Result) is { } result ? Encoding.UTF8.GetString(result.Body.Span) : null);
        foreach (var key in new[] { keys.Run, keys.Request, keys.Steps, keys.Pending, keys.Result })
        {
            if (await Ask(db => db.KeyExistsAsync(key)))
                Assert.True(await Ask(db => db.KeyTimeToLiveAsync(key)) is not null, $"After {after}, {key} never expires.");
        }
    }

    private static string Kind(StepModel step) => step switch
    {
        StepModel.Tried tried => $"P{tried.Tries}:{tried.By}",
        StepModel.Sleeping waits => $"W{waits.Until}",
        StepModel.Stored stored => stored.Failed ? "F" : "C",
        _ => throw new NotSupportedException(),
    };

    private static string Text(RedisValue value) => Encoding.UTF8.GetString((byte[])value!);
}
