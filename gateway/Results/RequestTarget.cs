using System.Buffers;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Results;

/// <summary>
/// The path and query of a request, as a base for references (RFC 3986 §5.2). Resolved references begin with a path: scheme and authority
/// are those that the client uses.
/// </summary>
internal sealed class RequestTarget
{
    private static readonly SearchValues<char> SchemeCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.");

    private readonly string _path;
    private readonly string _query;

    /// <param name="rawTarget">The target as sent (RFC 9112 §3.2): a path with a query, or an absolute URL.</param>
    public RequestTarget(string rawTarget)
    {
        var target = rawTarget.Split('#')[0];
        if (Scheme(target) is > 0 and var scheme && target.AsSpan(scheme).StartsWith("://"))
        {
            var end = target.AsSpan(scheme + 3).IndexOfAny('/', '?');
            target = end < 0 ? "/" : target[(scheme + 3 + end)..];
        }

        var query = target.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? target : target[..query];
        _path = path is ['/', ..] ? Escape(path) : "/";
        _query = query < 0 ? "" : Escape(target[query..]);
    }

    /// <summary>
    /// Whether the client gets the response at this path. References then need no resolution, except those that mean the client's URL
    /// itself, because that URL has an additional query member.
    /// </summary>
    public bool IsBase { get; init; }

    /// <summary>
    /// A reference from this target's path to the target itself. It does not contain the path, because a proxy in front may have removed a
    /// prefix.
    /// </summary>
    /// <value><see langword="null"/> if there is none, because clients change the path when they resolve it.</value>
    public string? SelfReference => _path.Contains('\\', StringComparison.Ordinal) || _path.Split('/').Any(IsDots)
        ? null
        : $"./{_path[(_path.LastIndexOf('/') + 1)..]}{Query}";

    private string Query => _query == "?" ? "" : _query;

    /// <summary>
    /// The path as it is written in a reference. Browsers treat a backslash as a slash, and could take such a path for a host.
    /// </summary>
    private string EscapedPath => _path.Replace("\\", "%5C", StringComparison.Ordinal);

    public static RequestTarget Of(HttpContext context, bool isBase = false) =>
        new(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget) { IsBase = isBase };

    /// <summary>The path and the query.</summary>
    public override string ToString() => _path + Query;

    /// <summary>
    /// The default path of cookies (RFC 6265 §5.1.4). A semicolon would end the attribute, so the path ends before the segment that
    /// contains one.
    /// </summary>
    public string CookiePath
    {
        get
        {
            var semicolon = _path.IndexOf(';', StringComparison.Ordinal);
            var end = (semicolon < 0 ? _path : _path[..semicolon]).LastIndexOf('/');
            return end > 0 ? _path[..end] : "/";
        }
    }

    /// <summary>
    /// Resolves a reference of the response. A reference that does not depend on the path (a URL, <c>//host/…</c>, <c>/path</c>) is
    /// unchanged.
    /// </summary>
    public string Resolve(string reference) => reference switch
    {
        "" or ['#', ..] when IsBase => SelfReference + reference,
        _ when IsBase => reference,
        "" or ['#', ..] => Absolute(EscapedPath) + _query + reference,
        ['?', ..] => Absolute(EscapedPath) + reference,
        ['/' or '\\', ..] => reference,
        _ => Scheme(reference) > 0 ? reference : Merge(reference),
    };

    private string Merge(string reference)
    {
        var end = reference.AsSpan().IndexOfAny('?', '#');
        var path = end < 0 ? reference : reference[..end];

        // Browsers remove tabs before they look for a host.
        var known = path.Replace("\t", "", StringComparison.Ordinal);
        return Absolute(RemoveDotSegments(EscapedPath[..(EscapedPath.LastIndexOf('/') + 1)] + known)) + reference[path.Length..];
    }

    /// <summary>
    /// Ensures that a path that begins with two slashes is not read as a host (RFC 3986 §4.2). The service's own reference may contain a
    /// backslash, which browsers treat as a slash.
    /// </summary>
    private static string Absolute(string path) => path is ['/', '/' or '\\', ..] ? "/." + path : path;

    private static string RemoveDotSegments(string path)
    {
        var kept = new List<string>();
        var segments = path.Split('/');
        for (var i = 1; i < segments.Length; i++)
        {
            var isDots = segments[i] is "." or "..";
            if (segments[i] == ".." && kept.Count > 0) kept.RemoveAt(kept.Count - 1);
            if (!isDots) kept.Add(segments[i]);
            else if (i == segments.Length - 1) kept.Add("");
        }

        return "/" + string.Join('/', kept);
    }

    private static bool IsDots(string segment) => segment.Replace("%2e", ".", StringComparison.OrdinalIgnoreCase) is "." or "..";

    /// <returns>The position of the colon after the scheme; 0 if there is no scheme.</returns>
    private static int Scheme(string reference)
    {
        var end = reference.AsSpan().IndexOfAnyExcept(SchemeCharacters);
        return end > 0 && reference[end] == ':' && char.IsAsciiLetter(reference[0]) ? end : 0;
    }

    /// <summary>Escapes characters that clients must not send in a target, so that the target can be used in a header.</summary>
    private static string Escape(string text) => text.All(c => c is > ' ' and < '\x7f') ? text
        : string.Concat(text.EnumerateRunes().Select(rune =>
            rune.Value is > ' ' and < '\x7f' ? rune.ToString() : Uri.EscapeDataString(rune.ToString())));
}
