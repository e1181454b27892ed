using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace DurableGateway.Http;

/// <summary>
/// The target of a request to the egress listener as a forward proxy: the absolute form (RFC 9112 §3.2.2). It travels with the HTTP
/// context of such a request.
/// </summary>
/// <param name="Host">A name in lower case, or an IP address; IPv6 without brackets.</param>
/// <param name="Port">The port; 80 if the target has none.</param>
/// <param name="PathAndQuery">As the service wrote them. At least a slash.</param>
internal sealed record ForwardTarget(string Host, int Port, string PathAndQuery)
{
    public const int DefaultPort = 80;

    private const string Http = "http://";
    private const string Https = "https://";

    /// <summary>A fragment is never sent, and a backslash is a slash to some.</summary>
    private static readonly SearchValues<char> Foreign = SearchValues.Create("\\#<>\"^`{|}");

    /// <summary>Host and port, without the default port.</summary>
    public string Authority => Port == DefaultPort ? BracketedHost : string.Create(CultureInfo.InvariantCulture, $"{BracketedHost}:{Port}");

    private string BracketedHost => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;

    /// <summary>The target of the request; <see langword="null"/> if the request is none to a forward proxy.</summary>
    public static ForwardTarget? Of(HttpContext context) => context.Features.Get<ForwardTarget>();

    /// <summary>Whether the server takes the target for one in absolute form.</summary>
    public static bool IsAbsolute(string target) => !target.StartsWith('/') && target.Contains("://", StringComparison.Ordinal);

    /// <summary>
    /// Reads a target. It is stricter than RFC 3986: what servers and resolvers may understand in two ways is refused.
    /// </summary>
    /// <param name="target">The target as received.</param>
    /// <param name="fault">What is wrong, if the result is <see langword="null"/>.</param>
    public static ForwardTarget? Parse(string target, out string fault)
    {
        if (target.StartsWith(Https, StringComparison.OrdinalIgnoreCase))
        {
            fault = "The target is an https:// URL. Call it by http://, and let the route's cluster forward it by https://.";
            return null;
        }

        fault = "The target is not an http:// URL.";
        if (!target.StartsWith(Http, StringComparison.OrdinalIgnoreCase)) return null;
        var rest = target[Http.Length..];
        if (rest.AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0 || rest.AsSpan().IndexOfAny(Foreign) >= 0)
        {
            fault = "The target has characters that URLs do not have.";
            return null;
        }

        var end = rest.IndexOfAny(['/', '?']);
        var authority = end < 0 ? rest : rest[..end];
        var path = end < 0 ? "/" : rest[end] == '?' ? "/" + rest[end..] : rest[end..];
        return ParseAuthority(authority, DefaultPort, out fault) is var (host, port) ? new ForwardTarget(host, port, path) : null;
    }

    /// <summary>
    /// Reads host and port. A host that looks like a number in any notation must be an IP address as it is usually written.
    /// </summary>
    /// <param name="authority">The authority as received.</param>
    /// <param name="defaultPort">The port if there is none; <see langword="null"/> if it is required.</param>
    /// <param name="fault">What is wrong, if the result is <see langword="null"/>.</param>
    public static (string Host, int Port)? ParseAuthority(string authority, int? defaultPort, out string fault)
    {
        fault = "The target has a user name.";
        if (authority.Contains('@', StringComparison.Ordinal)) return null;
        var colon = authority.EndsWith(']') ? -1 : authority.LastIndexOf(':');
        var (host, digits) = colon < 0 ? (authority, null) : (authority[..colon], authority[(colon + 1)..]);
        fault = "The port of the target is missing or invalid.";
        if ((digits is null ? defaultPort : ParsePort(digits)) is not { } port) return null;
        fault = "The host of the target is not a host name or an IP address.";
        return NormalizeHost(host) is { } name ? (name, port) : null;
    }

    public override string ToString() => Http + Authority + PathAndQuery;

    private static int? ParsePort(string digits) =>
        digits.Length is > 0 and <= 5 && digits.All(char.IsAsciiDigit)
            && int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture) is var port and >= 1 and <= 65535 ? port : null;

    private static string? NormalizeHost(string host)
    {
        const int MaxName = 253;
        if (host is ['[', .. var inner, ']'])
        {
            return !inner.Contains('%', StringComparison.Ordinal) && IPAddress.TryParse(inner, out var six)
                && six.AddressFamily == AddressFamily.InterNetworkV6 ? six.ToString() : null;
        }

        if (host.Length is 0 or > MaxName || !host.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.')
            || host.StartsWith('.') || host.Contains("..", StringComparison.Ordinal)) return null;

        // 0x7f.1, 2130706433 and 0177.0.0.1 are addresses to some resolvers.
        var last = host.TrimEnd('.').Split('.')[^1];
        if (char.IsAsciiDigit(last[0]) && (last.All(char.IsAsciiDigit) || last.StartsWith("0x", StringComparison.OrdinalIgnoreCase)))
            return IPAddress.TryParse(host, out var four) && four.ToString() == host ? host : null;
        return host.ToLowerInvariant();
    }
}
