using System.Globalization;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Soak;

/// <summary>The values that must not grow.</summary>
internal readonly record struct Sample(long Keys, double StoreMiB, double GatewayMiB)
{
    /// <summary>The values that grew between the second and the last quarter of the run; <see langword="null"/> if none did.</summary>
    public static string? Growth(IReadOnlyList<Sample> samples, bool empties)
    {
        var count = empties ? samples.Count - 1 : samples.Count;
        var early = samples.Take(count).Skip(count / 4).Take(Math.Max(1, count / 4)).ToArray();
        var late = samples.Take(count).Skip(count * 3 / 4).ToArray();

        // Keys and store grow with the rate of requests, which rises while the gateway warms up. The end shows that none remains.
        // The embedded store's files grow by 128 MiB before a compaction, and its memory is the gateway's. Both are limited,
        // so they are not checked here.
        if (!empties)
            return late.Average(sample => sample.StoreMiB) > early.Average(sample => sample.StoreMiB) + 200 ? "the files grow" : null;
        if (late.Average(sample => sample.Keys) > (1.6 * early.Average(sample => sample.Keys)) + 300) return "the keys grow";
        if (late.Average(sample => sample.StoreMiB) > (1.6 * early.Average(sample => sample.StoreMiB)) + 10) return "the store grows";
        if (late.Average(sample => sample.GatewayMiB) > (1.15 * early.Average(sample => sample.GatewayMiB)) + 20)
            return "the gateway's memory grows";
        return samples[^1].Keys > 1 ? $"{samples[^1].Keys} keys are left of runs that are gone" : null;
    }
}

/// <summary>Reads the values.</summary>
internal sealed class Gauges(int gateway, RedisServer? redis, string directory)
{
    /// <summary>The remaining keys, each with its type and the seconds until it expires.</summary>
    public static async Task<IReadOnlyList<string>> LeftAsync(RedisServer redis)
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString + ",allowAdmin=true");
        var database = connection.GetDatabase();
        var left = new List<string>();
        await foreach (var key in connection.GetServer(redis.ConnectionString).KeysAsync(pageSize: 5000))
            left.Add($"{key} {await database.KeyTypeAsync(key)} {(await database.KeyTimeToLiveAsync(key))?.TotalSeconds:F0}");
        return left;
    }

    public async Task<Sample> ReadAsync()
    {
        var resident = (await File.ReadAllLinesAsync($"/proc/{gateway}/status")).First(line =>
            line.StartsWith("VmRSS", StringComparison.Ordinal));
        var gatewayMiB = double.Parse(resident.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture) / 1024;
        if (redis is null)
        {
            var bytes = new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
            return new Sample(0, bytes / 1048576.0, gatewayMiB);
        }

        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString + ",allowAdmin=true");
        var server = connection.GetServer(redis.ConnectionString);
        var memory = (await server.InfoAsync("memory")).SelectMany(section => section).First(line => line.Key == "used_memory").Value;

        // The dashboard's counts of each minute have one key, which is kept for an hour.
        var minutes = await server.KeysAsync(pattern: "*:ct:*", pageSize: 5000).CountAsync();
        return new Sample(await server.DatabaseSizeAsync() - minutes,
            double.Parse(memory, CultureInfo.InvariantCulture) / 1048576, gatewayMiB);
    }
}
