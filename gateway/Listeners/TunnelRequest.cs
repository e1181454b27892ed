using System.Buffers;
using System.Text;
using DurableGateway.Http;

namespace DurableGateway.Listeners;

/// <summary>A request for a tunnel (RFC 9110 §9.3.6).</summary>
/// <param name="Host">The host that the tunnel is to lead to.</param>
/// <param name="Port">Its port.</param>
internal sealed record TunnelRequest(string Host, int Port)
{
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    /// <summary>How such a request begins.</summary>
    public static ReadOnlySpan<byte> Start => "CONNECT "u8;

    /// <summary>
    /// Reads the head of the request. What follows it is the tunnel's, so a request with content would have two ends, and is refused. The
    /// target counts, and not <c>Host</c>, in which many clients leave out the port (RFC 9112 §3.2.2).
    /// </summary>
    /// <param name="head">The head, with its empty line.</param>
    /// <param name="fault">What is wrong, if the result is <see langword="null"/>.</param>
    public static TunnelRequest? Parse(ReadOnlySpan<byte> head, out string fault)
    {
        fault = "The request is not valid HTTP.";
        if (!IsWellFormed(head)) return null;
        var lines = Encoding.Latin1.GetString(head).Split("\r\n");
        if (lines[0].Split(' ') is not [_, var authority, "HTTP/1.1" or "HTTP/1.0"]) return null;
        foreach (var line in lines[1..^2])
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || line.AsSpan(0, colon).IndexOfAnyExcept(TokenCharacters) >= 0) return null;
            var name = line[..colon];
            if (!name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase)
                && !(name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase) && line[(colon + 1)..].Trim() != "0")) continue;
            fault = "A CONNECT request has no content.";
            return null;
        }

        return ForwardTarget.ParseAuthority(authority, defaultPort: null, out fault) is var (host, port)
            ? new TunnelRequest(host, port)
            : null;
    }

    /// <summary>Whether control characters are there at the ends of lines only, apart from tabs.</summary>
    private static bool IsWellFormed(ReadOnlySpan<byte> head)
    {
        for (var i = 0; i < head.Length; i++)
        {
            var isEnd = head[i] == '\r' && i + 1 < head.Length && head[i + 1] == '\n';
            if (isEnd) i++;
            else if (head[i] is (< (byte)' ' and not (byte)'\t') or 0x7f) return false;
        }

        return true;
    }
}
