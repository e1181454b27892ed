using System.Collections.Frozen;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.Extensions.Primitives;

namespace DurableGateway.Http;

/// <summary>Decides which header lines are stored with a run, and which belong to the hop (RFC 9110 §7.6.1) or to the contract.</summary>
internal static class HopByHopHeaders
{
    private const string UnderscoredPrefix = "Durable_";

    private static readonly FrozenSet<string> Names = new[]
    {
        "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authenticate", "Alt-Svc",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> Kept =
        new[] { "Host", "Content-Length", "Forwarded" }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Removes the headers that <c>Connection</c> names. They end at this hop.</summary>
    /// <param name="headers">The headers.</param>
    /// <param name="connection">The values of <c>Connection</c>, as they were received.</param>
    public static void RemoveNamed(IHeaderDictionary headers, IEnumerable<string?> connection)
    {
        foreach (var name in connection.SelectMany(static value => (value ?? "").Split(',', StringSplitOptions.TrimEntries)))
        {
            if (name.Length > 0 && !IsForAll(name)) headers.Remove(name);
        }
    }

    /// <summary>Returns the lines to store, in order, one for each value. What <c>Connection</c> names is removed before.</summary>
    public static List<HeaderLine> Keep(IHeaderDictionary headers)
    {
        var lines = new List<HeaderLine>(headers.Count);
        foreach (var (name, values) in headers)
        {
            if (Names.Contains(name) || IsDurable(name)) continue;
            foreach (var value in values) lines.Add(new HeaderLine(name, value ?? ""));
        }

        return lines;
    }

    /// <summary>Restores stored lines, including empty ones.</summary>
    public static void CopyTo(this IReadOnlyList<HeaderLine> lines, IHeaderDictionary headers)
    {
        foreach (var (name, value) in lines) headers[name] = StringValues.Concat(headers[name], value);
    }

    /// <summary>CGI and its successors (WSGI, PHP) treat underscores and hyphens in names alike, so both are recognized.</summary>
    public static bool IsDurable(string name) =>
        (name[0] | 0x20) == 'd'
        && (name.StartsWith(DurableHeaders.Prefix, StringComparison.OrdinalIgnoreCase)
            || name.StartsWith(UnderscoredPrefix, StringComparison.OrdinalIgnoreCase));

    /// <summary>Removes the contract's headers. They never pass through the gateway, neither from a client nor from a service.</summary>
    public static void RemoveDurable(IHeaderDictionary headers)
    {
        List<string>? found = null;
        foreach (var (name, _) in headers)
        {
            if (IsDurable(name)) (found ??= []).Add(name);
        }

        if (found is null) return;
        foreach (var name in found) headers.Remove(name);
    }

    /// <summary>
    /// Stays whatever <c>Connection</c> names: what a message cannot be read without, and what a trusted proxy in front adds, because its
    /// client could name that.
    /// </summary>
    private static bool IsForAll(string name) => Names.Contains(name) || Kept.Contains(name)
        || name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase);
}
