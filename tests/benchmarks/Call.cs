using System.Text;

namespace DurableGateway.Benchmarks;

/// <summary>A request as the clients of <see cref="Load"/> send it.</summary>
/// <param name="Expected">The status that counts as an answer. Any other ends the benchmark.</param>
internal sealed record Call(string Method, Uri Url, int BodyBytes = 0, int Expected = 200, string Headers = "")
{
    public byte[] ToBytes()
    {
        var length = BodyBytes > 0 ? $"Content-Type: application/octet-stream\r\nContent-Length: {BodyBytes}\r\n" : "";
        var head = $"{Method} {Url.PathAndQuery} HTTP/1.1\r\nHost: {Url.Authority}\r\n{length}{Headers}\r\n";
        return [.. Encoding.ASCII.GetBytes(head), .. Enumerable.Repeat((byte)'x', BodyBytes)];
    }
}
