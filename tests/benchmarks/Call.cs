using System.Text;

namespace DurableGateway.Benchmarks;

/// <summary>A request as the clients of <see cref="Load"/> send it.</summary>
/// <param name="BodyBytes">The size of a body of no meaning.</param>
/// <param name="Expected">The status that counts as an answer. Any other ends the benchmark.</param>
/// <param name="Text">A body with a meaning.</param>
internal sealed record Call(string Method, Uri Url, int BodyBytes = 0, int Expected = 200, string Headers = "", string Text = "")
{
    public byte[] ToBytes()
    {
        byte[] body = Text.Length > 0 ? Encoding.ASCII.GetBytes(Text) : [.. Enumerable.Repeat((byte)'x', BodyBytes)];
        var length = body.Length == 0 ? "" : $"Content-Length: {body.Length}\r\n";
        if (BodyBytes > 0) length += "Content-Type: application/octet-stream\r\n";
        var head = $"{Method} {Url.PathAndQuery} HTTP/1.1\r\nHost: {Url.Authority}\r\n{length}{Headers}\r\n";
        return [.. Encoding.ASCII.GetBytes(head), .. body];
    }
}
