using System.Text;
using System.Text.RegularExpressions;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>
/// Resolves the response headers that are relative to the URL of the request: <c>Location</c>, <c>Content-Location</c> (RFC 9110),
/// <c>Link</c> (RFC 8288), <c>Refresh</c> (HTML) and <c>Set-Cookie</c> (RFC 6265). They then have the same meaning for a client that gets
/// the response at another URL.
/// </summary>
internal static partial class ResponseReferences
{
    public static StoredResponse Resolve(StoredResponse response, RequestTarget target) =>
        response with { Headers = [.. response.Headers.Select(line => line with { Value = Resolve(line, target) })] };

    private static string Resolve(HeaderLine line, RequestTarget target) => line.Name.ToUpperInvariant() switch
    {
        "LOCATION" or "CONTENT-LOCATION" => target.Resolve(line.Value.Trim()),
        "LINK" => Link(line.Value, target),
        "REFRESH" => Refresh(line.Value, target),
        "SET-COOKIE" when !target.IsBase => Cookie(line.Value, target),
        _ => line.Value,
    };

    /// <summary>Resolves targets and the parameter <c>anchor</c>. Quoted strings may contain brackets and commas.</summary>
    private static string Link(string value, RequestTarget target)
    {
        var text = new StringBuilder();
        for (var at = 0; at < value.Length;)
        {
            var end = value[at] switch
            {
                '<' => value.IndexOf('>', at),
                '"' => EndOfQuotedString(value, at),
                _ => at,
            };
            if (end < 0) return text.Append(value, at, value.Length - at).ToString();
            if (end > at && (value[at] == '<' || Anchor().IsMatch(text.ToString())))
                text.Append(value[at]).Append(target.Resolve(value[(at + 1)..end].Trim())).Append(value[end]);
            else text.Append(value, at, end + 1 - at);
            at = end + 1;
        }

        return text.ToString();
    }

    private static int EndOfQuotedString(string value, int start)
    {
        for (var at = start + 1; at < value.Length; at++)
        {
            if (value[at] == '\\') at++;
            else if (value[at] == '"') return at;
        }

        return -1;
    }

    /// <summary>Resolves the URL. Without one, the page of the request is reloaded, not the stored result.</summary>
    private static string Refresh(string value, RequestTarget target)
    {
        if (RefreshValue().Match(value) is not { Success: true } match) return value;
        var url = match.Groups["url"].Value.Trim();
        var resolved = target.Resolve(url);
        return resolved == url ? value : $"{match.Groups["time"].Value}; url={resolved}";
    }

    /// <summary>
    /// Adds the default path if there is none. The last <c>Path</c> counts, and one that does not begin with a slash is ignored.
    /// </summary>
    private static string Cookie(string value, RequestTarget target)
    {
        var path = value.Split(';').Skip(1).Select(attribute => attribute.Split('=', 2))
            .LastOrDefault(attribute => attribute[0].Trim().Equals("Path", StringComparison.OrdinalIgnoreCase));
        return path is [_, var said] && said.Trim() is ['/', ..] ? value : $"{value}; Path={target.CookiePath}";
    }

    [GeneratedRegex(@"[;\s]anchor\s*=\s*\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Anchor();

    [GeneratedRegex(
        """\A\s*(?<time>[0-9.]+)\s*([;,\s]\s*(url\s*=\s*)?('(?<url>[^']*)('.*)?|"(?<url>[^"]*)(".*)?|(?<url>[^'"].*)?))?\z""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RefreshValue();
}
