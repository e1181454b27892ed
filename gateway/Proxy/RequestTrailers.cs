using System.Text;
using DurableGateway.Http;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Hands on the trailers of a request in chunks. .NET's HTTP client has no word for them,
/// and ends such a body with the bytes <c>0\r\n\r\n</c>:
/// the connection to the service puts the trailers in there.
/// </summary>
internal sealed class RequestTrailers(IHttpRequestTrailersFeature source)
{
    public static readonly HttpRequestOptionsKey<RequestTrailers> Option = new("Durable.Trailers");

    private static readonly AsyncLocal<RequestTrailers?> Sending = new();

    private byte[]? _end;

    /// <summary>What is sent by the caller from here on is the request that these belong to.</summary>
    public void Begin() => Sending.Value = this;

    /// <summary>To be called when the body has been written whole, and nothing of it is held back any more.</summary>
    /// <returns>Whether there are any.</returns>
    public bool Take()
    {
        if (Of(source) is not { Count: > 0 } lines) return false;
        var end = new StringBuilder("0\r\n");
        foreach (var (name, value) in lines) end.Append(name).Append(": ").Append(value).Append("\r\n");
        _end = Encoding.Latin1.GetBytes(end.Append("\r\n").ToString());
        return true;
    }

    /// <summary>What the connection sends in place of these bytes.</summary>
    public static ReadOnlyMemory<byte> Replace(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length != 5 || Sending.Value is not { _end: { } end } trailers || !bytes.Span.SequenceEqual("0\r\n\r\n"u8)) return bytes;
        trailers._end = null;
        return end;
    }

    /// <summary>
    /// The trailers that are there, without those that no trailer may be (RFC 9110 §6.5.1): what a service decides by before the body.
    /// </summary>
    public static List<HeaderLine>? Of(IHttpRequestTrailersFeature? source) =>
        source is { Available: true, Trailers.Count: > 0 }
            ? [.. HopByHopHeaders.Keep(source.Trailers).Where(line => !IsForbidden(line.Name))]
            : null;

    private static bool IsForbidden(string name) =>
        name.StartsWith("X-Forwarded", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase)
        || name.ToUpperInvariant() is "HOST" or "FORWARDED" or "COOKIE" or "AUTHORIZATION" or "PROXY-AUTHORIZATION"
            or "EXPECT" or "RANGE" or "MAX-FORWARDS";
}
