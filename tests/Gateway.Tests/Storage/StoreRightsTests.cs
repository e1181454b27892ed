using System.Text.RegularExpressions;
using DurableGateway.Configuration;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>At the start, one message names everything that the store refuses to its user.</summary>
public sealed partial class StoreRightsTests
{
    [Theory]
    [InlineData("-time", "refuses TIME to this user")]
    [InlineData("-zadd -hset", "refuses HSET, ZADD to this user")]
    [InlineData("-publish", "refuses PUBLISH to this user")]
    [InlineData("-eval -evalsha", "refuses commands to this user (NOPERM")]
    [InlineData("resetkeys ~other:*", "refuses commands to this user (NOPERM")]
    [InlineData("resetchannels", "SUBSCRIBE dg3:due, SUBSCRIBE dg3:ended to this user")]
    [InlineData("resetpass >other", "refuses the user or the password")]
    [InlineData("off", "refuses the user or the password")]
    public async Task RightIsMissing_StartNamesIt(string changes, string message)
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await DocumentedUser.AddAsync(redis, changes.Split(' '));

        // Otherwise, a connection whose user is refused continues as the default user.
        await RedisCluster.AskAsync(redis, "ACL", "SETUSER", "default", "off");
        var settings = StoreFixture.Settings($"{redis.ConnectionString},{DocumentedUser.Login},connectTimeout=1000,connectRetry=1");
        var error = await Assert.ThrowsAsync<ConfigurationException>(() => StoreNode.OpenAsync(settings));
        Assert.StartsWith("Durable:Store:ConnectionString: the store refuses ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(DocumentedUser.Login, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WaitIsMissing_StartNamesIt_WhereMinReplicasNeedsIt()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await DocumentedUser.AddAsync(redis, "-wait");
        var connection = $"{redis.ConnectionString},{DocumentedUser.Login}";
        await using (await StoreNode.OpenAsync(StoreFixture.Settings(connection))) { }
        var settings = StoreFixture.Settings(connection, minReplicas: 1);
        var error = await Assert.ThrowsAsync<ConfigurationException>(() => StoreNode.OpenAsync(settings));
        Assert.Contains("refuses WAIT to this user", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GatewayWithoutRights_EndsWithStatus2()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await DocumentedUser.AddAsync(redis, "-time");
        var (status, said) = await GatewayProcess.RunAsync("--upstream", "http://127.0.0.1:1",
            $"--Durable:Listeners:Public=http://127.0.0.1:{FreePort.Next()}",
            $"--Durable:Listeners:Control=http://127.0.0.1:{FreePort.Next()}",
            $"--Durable:Store:ConnectionString={redis.ConnectionString},{DocumentedUser.Login}");
        Assert.Equal(2, status);
        Assert.Contains("Durable:Store:ConnectionString: the store refuses TIME to this user; give it", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ClusterWithTheDocumentedUser_RefusesNothing()
    {
        RedisServer.SkipIfMissing();
        await using var cluster = await RedisCluster.StartAsync();
        foreach (var server in cluster.Servers) await DocumentedUser.AddAsync(server);
        await using (var node = await StoreNode.OpenAsync(StoreFixture.Settings($"{cluster.ConnectionString},{DocumentedUser.Login}")))
        {
            for (var i = 0; i < 20; i++) await node.Store.CreateRunningAsync(Make.Run(), "owner", Make.Start);
        }

        foreach (var server in cluster.Servers) Assert.Equal("", (await DocumentedUser.RefusedAsync(server)).Trim());
    }

    [Fact]
    public void EveryCommandOfAScript_IsTriedAtTheStart()
    {
        var tried = Tried().Matches(Scripts.CheckRights.Text).Select(match => match.Groups[1].Value).ToHashSet();
        var assembly = typeof(Scripts).Assembly;
        var used = assembly.GetManifestResourceNames().Where(name => name.EndsWith(".lua", StringComparison.Ordinal)).SelectMany(name =>
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            return Called().Matches(reader.ReadToEnd()).Select(match => match.Groups[1].Value);
        }).ToHashSet();
        Assert.Contains("ZADD", used);
        Assert.Empty(used.Except(tried));
    }

    [GeneratedRegex(@"\btry\('([A-Z]+)'")]
    private static partial Regex Tried();

    [GeneratedRegex(@"redis\.p?call\('([A-Z]+)'")]
    private static partial Regex Called();
}
