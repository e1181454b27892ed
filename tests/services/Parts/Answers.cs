using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace DurableGateway.Services.Parts;

/// <summary>Makes responses comparable that curl prints with <c>-i</c>.</summary>
internal static partial class Answers
{
    /// <summary>Fields that depend on the connection or on the time.</summary>
    private static readonly string[] Others = ["date", "connection", "keep-alive", "transfer-encoding"];

    public static string Normalize(string answer)
    {
        // Interim responses depend on the connection too. Field names have no case. A message without content may say so.
        var shown = new StringBuilder();
        while (answer.StartsWith("HTTP/", StringComparison.Ordinal)
            && answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) is > 0 and var end)
        {
            var lines = answer[..end].Split("\r\n");
            answer = answer[(end + 4)..];
            var status = lines[0][(lines[0].IndexOf(' ', StringComparison.Ordinal) + 1)..].TrimEnd();
            if (status[0] == '1') continue;
            var fields = lines.Skip(1).Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)].ToLowerInvariant()
                + line[line.IndexOf(':', StringComparison.Ordinal)..])
                .Where(line => !Others.Contains(line.Split(':')[0]) && !line.StartsWith("durable-", StringComparison.Ordinal)
                    && line != "content-length: 0")
                .Order(StringComparer.Ordinal);
            shown.Append(status).Append("; ").AppendJoin("; ", fields).Append('\n');
        }

        // Boundaries of multipart bodies are random.
        shown.Append(answer.Length <= 4000
            ? answer
            : $"{answer.Length} characters {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(answer)))[..16]}");
        var text = shown.ToString();
        var boundary = Boundary().Match(text).Groups[1].Value;
        return boundary.Length > 0 ? text.Replace(boundary, "boundary", StringComparison.Ordinal) : text;
    }

    [GeneratedRegex("boundary=([^\r\n;\"]+)")]
    private static partial Regex Boundary();
}
