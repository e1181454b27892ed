using System.Collections.Concurrent;

namespace DurableGateway.Tests.Support;

/// <summary>The store of the gateway in a contract test. The same tests run on each store.</summary>
public interface IStoreChoice
{
    /// <summary>Settings of the gateway in addition to those of the test.</summary>
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

        // Gateways with different settings use different databases, because a shared store means shared runs.
        var database = Databases.GetOrAdd(string.Join(' ', wanted), _ => Interlocked.Increment(ref _databases) - 1);
        return [$"Durable:Store:ConnectionString={(await Server.Value).ConnectionString},defaultDatabase={database}"];
    }

    internal static async Task StopAsync()
    {
        if (Server.IsValueCreated) await (await Server.Value).DisposeAsync();
    }
}
