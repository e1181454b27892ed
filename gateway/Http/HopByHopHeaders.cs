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

    /// <summary>Returns the lines to store, in order, one for each value.</summary>
    public static List<HeaderLine> Keep(IHeaderDictionary headers)
    {
        var named = headers.Connection.Count == 0 ? null : headers.GetCommaSeparatedValues("Connection");
        var lines = new List<HeaderLine>(headers.Count);
        foreach (var (name, values) in headers)
        {
            if (Names.Contains(name) || IsDurable(name) || (named?.Contains(name, StringComparer.OrdinalIgnoreCase) ?? false)) continue;
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
}
