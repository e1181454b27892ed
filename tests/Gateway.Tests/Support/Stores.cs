using System.Collections.Concurrent;

namespace DurableGateway.Tests.Support;

/// <summary>Which store the gateway of a contract test works on: the same tests run on each.</summary>
public interface IStoreChoice
{
    /// <summary>Settings of the gateway, beside those that the test wants.</summary>
    static abstract Task<string[]> SettingsAsync(string[] wanted);
}

public sealed class OnEmbedded : IStoreChoice
{
    public static Task<string[]> SettingsAsync(string[] wanted) => Task.FromResult<string[]>([]);
}

public sealed class OnRedis : IStoreChoice
{
    private static readonly Lazy<Task<RedisServer>> Server = new(() => RedisServer.StartAsync("--save", "", "--databases", "256"));
    private static readonly ConcurrentDictionary<string, int> Databases = new();
    private static int _databases;

    public static async Task<string[]> SettingsAsync(string[] wanted)
    {
        RedisServer.SkipIfMissing();

        // Gateways that share a store share its runs: those with other settings have another database.
        var database = Databases.GetOrAdd(string.Join(' ', wanted), _ => Interlocked.Increment(ref _databases) - 1);
        return [$"Durable:Store:ConnectionString={(await Server.Value).ConnectionString},defaultDatabase={database}"];
    }

    internal static async Task StopAsync()
    {
        if (Server.IsValueCreated) await (await Server.Value).DisposeAsync();
    }
}
