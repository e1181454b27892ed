using System.Text;
using DurableGateway.Http;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Forwards the trailers of a chunked request. .NET's HTTP client does not support them and ends such a body with the bytes
/// <c>0\r\n\r\n</c>. The connection to the service inserts the trailers there.
/// </summary>
internal sealed class RequestTrailers(IHttpRequestTrailersFeature source)
{
    public static readonly HttpRequestOptionsKey<RequestTrailers> Option = new("Durable.Trailers");

    private static readonly AsyncLocal<RequestTrailers?> Sending = new();

    private byte[]? _end;

    /// <summary>Associates these trailers with the request that the current asynchronous flow sends next.</summary>
    public void Begin() => Sending.Value = this;

    /// <summary>Call this when the whole body has been written and flushed.</summary>
    /// <returns>Whether there are trailers.</returns>
    public bool Take()
    {
        if (Of(source) is not { Count: > 0 } lines) return false;
        var end = new StringBuilder("0\r\n");
        foreach (var (name, value) in lines) end.Append(name).Append(": ").Append(value).Append("\r\n");
        _end = Encoding.Latin1.GetBytes(end.Append("\r\n").ToString());
        return true;
    }

    /// <summary>The bytes that the connection sends instead of these.</summary>
    public static ReadOnlyMemory<byte> Replace(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length != 5 || Sending.Value is not { _end: { } end } trailers || !bytes.Span.SequenceEqual("0\r\n\r\n"u8)) return bytes;
        trailers._end = null;
        return end;
    }

    /// <summary>
    /// The trailers that have arrived, without the fields that must not be trailers (RFC 9110 §6.5.1) because a service needs them before
    /// the body.
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
