using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using DurableGateway.Protocol;
using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>
/// This build reads a store that an earlier build has written (<c>golden/v3.json</c>). If a change of format or meaning breaks this, it
/// needs a new format number and its own golden store. The file is rewritten only on purpose (<c>DURABLE_GOLDEN_WRITE=1</c>).
/// </summary>
public sealed class GoldenStoreTests
{
    private static readonly string Key = Convert.ToBase64String(Enumerable.Repeat((byte)7, 32).ToArray());
    private static readonly RunPolicy Policy = new()
    {
        RunTimeout = TimeSpan.FromDays(36_500),
        Retention = TimeSpan.FromDays(36_500),
        RetryDelay = TimeSpan.Zero,
    };

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    [Fact]
    public async Task GoldenStore_GoesOn()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        if (Environment.GetEnvironmentVariable("DURABLE_GOLDEN_WRITE") == "1") await WriteAsync();
        var golden = JsonSerializer.Deserialize<Golden>(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory,
            "Storage", "golden", "v3.json")))!;
        await FillAsync(redis, golden);
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("today"));
        await using var gateway = await GatewayHost.StartAsync(service.Url, $"Durable:Store:ConnectionString={redis.ConnectionString}",
            $"Durable:Keys:0={Key}");
        var urls = gateway.Services.GetRequiredService<ResultUrlFactory>();
        string Url(string run) => urls.For(RunId.TryParse(run, out var id) ? id : default, TimeProvider.System.GetUtcNow().AddDays(1));

        // The result of the run that had ended is the same, byte for byte.
        using var ended = await gateway.Client.GetAsync(Url(golden.Completed));
        Assert.Equal("the result", await ended.Content.ReadAsStringAsync());
        Assert.Equal(["a", "b"], ended.Headers.GetValues("X-Twice"));

        // One run was parked, with a result and a failure of steps. The node of the other run died.
        Assert.Equal("today", await gateway.Follower.GetStringAsync(Url(golden.Waiting)));
        Assert.Equal("today", await gateway.Follower.GetStringAsync(Url(golden.Running)));
        var replay = service.Seen.Single(request => request["Durable-Run-Id"] == golden.Waiting);
        Assert.Equal("\"charge\";ok=:eyJpZCI6MX0=:, \"notify\";err=:eyJ0aXRsZSI6Im5vIn0=:", replay["Durable-Steps"]);
        Assert.Equal(("POST", "/orders/1%20%C3%A4?a=1&a=2", "2"), (replay.Method, replay.Target, replay["Durable-Attempt"]));
        Assert.Equal("golden order"u8.ToArray(), replay.Body);
    }

    [Fact]
    public async Task StoreOfAnotherFormat_IsRefusedAtStart_InOneSentence()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await using (var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString))
            await connection.GetDatabase().HashSetAsync(StoreKeys.Meta, [new("format", StoreKeys.Format + 1), new("shards", 64)]);
        var (status, error) = await GatewayProcess.RunAsync("--upstream", "http://127.0.0.1:1",
            $"--Durable:Store:ConnectionString={redis.ConnectionString}",
            "--Durable:Listeners:Public=http://127.0.0.1:0", "--Durable:Listeners:Control=http://127.0.0.1:0");
        Assert.Equal(2, status);
        Assert.Contains($"the store has format {StoreKeys.Format + 1}", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    /// <summary>Keys of other formats have other names. A gateway that ignored them would start empty beside open runs.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task StoreOfAnEarlierFormat_IsRefusedAtStart_InOneSentence(int format)
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await using (var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString))
            await connection.GetDatabase().HashSetAsync($"dg{format}:meta", [new("format", format), new("shards", 64)]);
        var (status, error) = await GatewayProcess.RunAsync("--upstream", "http://127.0.0.1:1",
            $"--Durable:Store:ConnectionString={redis.ConnectionString}",
            "--Durable:Listeners:Public=http://127.0.0.1:0", "--Durable:Listeners:Control=http://127.0.0.1:0");
        Assert.Equal(2, status);
        Assert.Contains(
            $"the store has format {format}, and this gateway reads format 3; let the earlier version end its runs there", error,
            StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    private static async Task FillAsync(RedisServer redis, Golden golden)
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString);
        var db = connection.GetDatabase();
        foreach (var (name, value) in golden.Strings) await db.StringSetAsync(name, Convert.FromBase64String(value));
        foreach (var (name, fields) in golden.Hashes)
            await db.HashSetAsync(name, [.. fields.Select(field => new HashEntry(field.Key, Convert.FromBase64String(field.Value)))]);
        foreach (var (name, entries) in golden.SortedSets)
            await db.SortedSetAddAsync(name, [.. entries.Select(entry => new SortedSetEntry(entry.Key, entry.Value))]);
    }

    /// <summary>Writes the runs with this build, and records the stored data.</summary>
    private static async Task WriteAsync([CallerFilePath] string source = "")
    {
        await using var redis = await RedisServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1",
            $"Durable:Store:ConnectionString={redis.ConnectionString}", $"Durable:Keys:0={Key}",
            "ReverseProxy:Routes:upstream:Match:Path=/never");
        var now = TimeProvider.System.GetUtcNow();
        var request = Make.Request("golden order"u8.ToArray()) with
        {
            Headers = [new("Host", "x"), new("Content-Type", "text/plain"), new("Content-Length", "12")],
            Chunked = false,
        };
        NewRun Run() => new(RunId.New(now), Policy, "upstream", now, request);
        var (waiting, completed, running) = (Run(), Run(), Run());
        await gateway.Store.CreateRunningAsync(waiting, "old", now.AddDays(1));
        await gateway.Store.StoreOutcomeAsync(waiting.Id, 1, Make.Outcome("charge", """{"id":1}"""), 10);
        await gateway.Store.StoreOutcomeAsync(waiting.Id, 1,
            Make.Outcome("notify", """{"title":"no"}""") with { Failed = true, ContentType = "application/problem+json" }, 10);
        await gateway.Store.FailAsync(new AttemptKey(waiting.Id, 1, "old"), 0, now.AddDays(1));
        await gateway.Store.CreateRunningAsync(completed, "old", now.AddDays(1));
        await gateway.Store.EndAsync(new AttemptKey(completed.Id, 1, "old"), RunState.Completed,
            new StoredResponse(200, [new("X-Twice", "a"), new("X-Twice", "b")], "the result"u8.ToArray()), Policy);
        await gateway.Store.CreateRunningAsync(running, "old", now.AddDays(1));

        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString);
        var (db, golden) = (connection.GetDatabase(),
            new Golden(waiting.Id.ToString(), completed.Id.ToString(), running.Id.ToString(), [], [], []));
        await foreach (var key in connection.GetServer(redis.ConnectionString).KeysAsync(pattern: "dg3:*"))
        {
            switch (await db.KeyTypeAsync(key))
            {
                case RedisType.String:
                    golden.Strings.Add(key!, Convert.ToBase64String((byte[])(await db.StringGetAsync(key))!));
                    break;
                case RedisType.Hash:
                    golden.Hashes.Add(key!, (await db.HashGetAllAsync(key)).ToDictionary(field => field.Name.ToString(),
                        field => Convert.ToBase64String((byte[])field.Value!)));
                    break;
                default:
                    // The entry is long due when it is read.
                    golden.SortedSets.Add(key!,
                        (await db.SortedSetRangeByRankAsync(key)).ToDictionary(entry => entry.ToString(), _ => 1.0));
                    break;
            }
        }

        var json = JsonSerializer.Serialize(golden, Indented) + "\n";
        foreach (var path in new[] { Path.GetDirectoryName(source)!, Path.Combine(AppContext.BaseDirectory, "Storage") })
        {
            Directory.CreateDirectory(Path.Combine(path, "golden"));
            await File.WriteAllTextAsync(Path.Combine(path, "golden", "v3.json"), json, new UTF8Encoding(false));
        }
    }

    private sealed record Golden(
        string Waiting, string Completed, string Running, Dictionary<string, string> Strings,
        Dictionary<string, Dictionary<string, string>> Hashes,
        Dictionary<string, Dictionary<string, double>> SortedSets);
}
