using System.Globalization;
using DurableGateway.Protocol;

namespace DurableGateway.Results;

/// <summary>
/// The reserved query member with which a result is fetched at the path of its request (§5):
/// <c>durable-result=&lt;run&gt;.&lt;token&gt;[.&lt;hop&gt;]</c>. A member of that name in another form belongs to the service.
/// </summary>
/// <param name="Run">The run.</param>
/// <param name="Token">A token for the run and the target. See <see cref="Protocol.Tokens.ForResultAt"/>.</param>
/// <param name="Hop">How often the client has been redirected to this result.</param>
internal sealed record ResultMember(RunId Run, string Token, int Hop = 0)
{
    private const string Prefix = "durable-result=";

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Run}.{Token}{(Hop == 0 ? "" : $".{Hop}")}");

    /// <summary>Whether a URL may contain the member.</summary>
    public static bool IsIn(string url) => url.Contains(Prefix, StringComparison.Ordinal);

    /// <summary>Appends the member to the query of a URL.</summary>
    public string AppendTo(string url) => $"{url}{(url.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{this}";

    /// <summary>Removes such members from the query of a URL.</summary>
    /// <param name="url">A URL, a target or a reference.</param>
    /// <param name="found">The last of them; <see langword="null"/> if there is none.</param>
    /// <returns>The URL without them; the same string if there is none.</returns>
    public static string RemoveFrom(string url, out ResultMember? found)
    {
        found = null;
        if (!IsIn(url)) return url;
        var end = url.IndexOf('#', StringComparison.Ordinal) is >= 0 and var fragment ? fragment : url.Length;
        var query = url.IndexOf('?', 0, end);
        if (query < 0) return url;
        var rest = new List<string>();
        foreach (var member in url[(query + 1)..end].Split('&'))
        {
            if (Parse(member) is { } one) found = one;
            else rest.Add(member);
        }

        return found is null ? url : $"{url[..query]}{(rest.Count == 0 ? "" : "?")}{string.Join('&', rest)}{url[end..]}";
    }

    private static ResultMember? Parse(string member)
    {
        if (!member.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var parts = member[Prefix.Length..].Split('.');
        var hop = 0;
        return parts.Length is 2 or 3 && RunId.TryParse(parts[0], out var run) && parts[1].Length > 0
            && (parts.Length == 2 || int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out hop))
                ? new ResultMember(run, parts[1], hop)
                : null;
    }
}
