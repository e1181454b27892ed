using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace DurableGateway.Benchmarks;

/// <summary>What one round of load showed.</summary>
internal readonly record struct Sample(double PerSecond, double P50, double P99);

/// <summary>
/// Closed-loop clients on bare sockets: an HTTP client would take more of the two cores than what it measures.
/// </summary>
internal static class Load
{
    public static async Task<Sample> RunAsync(Uri url, int clients, TimeSpan span)
    {
        var latencies = new List<double>[clients];
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(client =>
            Task.Run(async () => latencies[client] = await ClientAsync(url, began, span))));
        var elapsed = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var all = latencies.SelectMany(each => each).Order().ToArray();
        return new Sample(all.Length / elapsed, all[all.Length / 2], all[(int)(all.Length * 0.99)]);
    }

    private static async Task<List<double>> ClientAsync(Uri url, long began, TimeSpan span)
    {
        var latencies = new List<double>();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(url.Host, url.Port);
        var request = Encoding.ASCII.GetBytes($"GET {url.PathAndQuery} HTTP/1.1\r\nHost: {url.Authority}\r\n\r\n");
        var buffer = new byte[8192];
        while (Stopwatch.GetElapsedTime(began) < span)
        {
            var start = Stopwatch.GetTimestamp();
            await socket.SendAsync(request);
            var length = 0;
            while (!Complete(buffer.AsSpan(0, length)))
            {
                var read = await socket.ReceiveAsync(buffer.AsMemory(length));
                if (read == 0) throw new IOException("The server hung up.");
                length += read;
            }

            latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return latencies;
    }

    private static bool Complete(ReadOnlySpan<byte> response)
    {
        var end = response.IndexOf("\r\n\r\n"u8);
        if (end < 0) return false;
        if (!response.StartsWith("HTTP/1.1 200"u8)) throw new IOException($"Not a success: {Encoding.ASCII.GetString(response[..end])}");
        var header = response[..end];
        var at = header.IndexOf("Content-Length: "u8);
        return System.Buffers.Text.Utf8Parser.TryParse(header[(at + 16)..], out int length, out _) && response.Length >= end + 4 + length;
    }
}
