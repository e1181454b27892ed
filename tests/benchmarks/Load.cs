using System.Diagnostics;

namespace DurableGateway.Benchmarks;

/// <summary>Closed-loop clients: each sends its next request when it has the answer to the last one.</summary>
internal static class Load
{
    public static async Task<Sample> RunAsync(Call call, int clients, TimeSpan span, ServerProcess measured)
    {
        var (cpu, allocated, began) = (measured.CpuMicroseconds(), await measured.AllocatedAsync(), Stopwatch.GetTimestamp());
        var latencies = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(() => ClientAsync(call, began, span))));
        var elapsed = Stopwatch.GetElapsedTime(began).TotalSeconds;
        (cpu, allocated) = (measured.CpuMicroseconds() - cpu, await measured.AllocatedAsync() - allocated);
        var all = latencies.SelectMany(each => each).Order().ToArray();
        return new Sample(all.Length / elapsed, all[all.Length / 2], all[(int)(all.Length * 0.99)],
            cpu / all.Length, (double)allocated / all.Length);
    }

    /// <summary>So many requests and no more, in turns of <paramref name="clients"/>.</summary>
    public static Task CountAsync(Call call, int count, int clients = 1)
    {
        var left = count;
        return Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            using var client = await Client.ConnectAsync(call);
            while (Interlocked.Decrement(ref left) >= 0) await client.SendAsync();
        })));
    }

    private static async Task<List<double>> ClientAsync(Call call, long began, TimeSpan span)
    {
        var latencies = new List<double>();
        using var client = await Client.ConnectAsync(call);
        do
        {
            var start = Stopwatch.GetTimestamp();
            await client.SendAsync();
            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        while (Stopwatch.GetElapsedTime(began) < span);
        return latencies;
    }
}
