using System.Text;

namespace DurableGateway.Proxy;

/// <summary>
/// HTTP/1.0 services close the connection after each response unless they send <c>keep-alive</c>. .NET's client does not know that: it
/// reuses the connection and loses the next request. This adds <c>Connection: close</c>, which the client understands.
/// </summary>
internal static class Http10ConnectionHandling
{
    private const int MaxHead = 64 * 1024;

    public static bool MayBegin(ReadOnlySpan<byte> start)
    {
        var version = "HTTP/1.0 "u8;
        var length = Math.Min(start.Length, version.Length);
        return start[..length].SequenceEqual(version[..length]);
    }

    /// <summary>Reads the rest of a response head that has begun, and adds the header.</summary>
    /// <returns>The bytes to return to the client instead of those that were read.</returns>
    public static async Task<byte[]> ReadHeadAsync(Stream stream, byte[] bytes, CancellationToken cancellation)
    {
        var more = new byte[4096];
        while (MayBegin(bytes) && bytes.AsSpan().IndexOf("\r\n\r\n"u8) < 0
            && bytes.AsSpan().IndexOf("\n\n"u8) < 0 && bytes.Length < MaxHead)
        {
            var read = await stream.ReadAsync(more, cancellation);
            if (read == 0) return bytes;
            bytes = [.. bytes, .. more.AsSpan(0, read)];
        }

        if (!MayBegin(bytes)) return bytes;
        var end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        var head = Encoding.Latin1.GetString(bytes, 0, end < 0 ? bytes.Length : end);
        var line = bytes.AsSpan().IndexOf((byte)'\n') + 1;
        if (line == 0 || head.Contains("keep-alive", StringComparison.OrdinalIgnoreCase)) return bytes;
        return [.. bytes.AsSpan(0, line), .. "Connection: close\r\n"u8, .. bytes.AsSpan(line)];
    }
}
