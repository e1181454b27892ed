using System.Collections.Frozen;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.Extensions.Primitives;

namespace DurableGateway.Http;

/// <summary>Which header lines are kept with a run, and which belong to the hop (RFC 9110 §7.6.1) or to the contract.</summary>
internal static class HopByHopHeaders
{
    private const string UnderscoredPrefix = "Durable_";

    private static readonly FrozenSet<string> Names = new[]
    {
        "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authenticate", "Alt-Svc",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>The lines that are kept, in order, one for each value.</summary>
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

    /// <summary>Puts kept lines back, empty ones included.</summary>
    public static void CopyTo(this IReadOnlyList<HeaderLine> lines, IHeaderDictionary headers)
    {
        foreach (var (name, value) in lines) headers[name] = StringValues.Concat(headers[name], value);
    }

    /// <summary>CGI and its heirs (WSGI, PHP) read an underscore in a name as a hyphen: there the one is the other.</summary>
    public static bool IsDurable(string name) =>
        (name[0] | 0x20) == 'd'
        && (name.StartsWith(DurableHeaders.Prefix, StringComparison.OrdinalIgnoreCase)
            || name.StartsWith(UnderscoredPrefix, StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// Nothing of the contract passes the gateway in either direction: neither a client's claims nor a service's answers to us.
    /// </summary>
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
