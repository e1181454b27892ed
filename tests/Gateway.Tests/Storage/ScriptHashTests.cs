using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>Scripts are executed by hash. The text is sent only to a server that does not know the script.</summary>
public sealed class ScriptHashTests
{
    [Fact]
    public async Task Text_IsSentToAServerThatDoesNotKnowIt_AndToNoOther()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync("--save", "");
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"{redis.ConnectionString},allowAdmin=true");
        var (db, server) = (connection.GetDatabase(), connection.GetServers()[0]);

        for (var i = 0; i < 3; i++) await CallAsync(db);
        var first = await CallsAsync(server);

        // An operator may flush the scripts. A restarted server knows no scripts either.
        await server.ExecuteAsync("SCRIPT", "FLUSH");
        for (var i = 0; i < 3; i++) await CallAsync(db);
        var second = await CallsAsync(server);

        // The first call by hash fails. The client library then loads the text and executes the script: two commands.
        Assert.Equal((3, 2), first);
        Assert.Equal(4, second.ByText);
        Assert.InRange(second.ByHash, 6, 7);
    }

    private static async Task CallAsync(IDatabase db) =>
        Assert.NotEqual(0, (await new ScriptCall(Scripts.ServerTime) { [ScriptKey.Meta] = StoreKeys.Meta }.EvaluateAsync(db)).Length);

    private static async Task<(int ByHash, int ByText)> CallsAsync(IServer server)
    {
        var calls = (await server.InfoAsync("commandstats")).SelectMany(section => section)
            .ToDictionary(line => line.Key, line => int.Parse(line.Value.Split(',')[0]["calls=".Length..]));
        return (calls.GetValueOrDefault("cmdstat_evalsha"),
            calls.GetValueOrDefault("cmdstat_eval") + calls.GetValueOrDefault("cmdstat_script|load"));
    }
}
