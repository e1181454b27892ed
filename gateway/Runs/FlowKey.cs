namespace DurableGateway.Runs;

/// <summary>What flow control tells requests apart by: <c>route</c>, <c>header:&lt;name&gt;</c> or <c>query:&lt;name&gt;</c>.</summary>
internal static class FlowKey
{
    public const string Route = "route";
    private const string Header = "header:";
    private const string Query = "query:";

    public static bool IsValid(string key) =>
        key == Route || IsHeader(key) || (key.StartsWith(Query, StringComparison.Ordinal) && key.Length > Query.Length);

    public static bool IsHeader(string key) => HeaderOf(key) is { Length: > 0 } name
        && name.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal));

    /// <summary>The name of the header, or <see langword="null"/> where the key is none.</summary>
    public static string? HeaderOf(string? key) => key?.StartsWith(Header, StringComparison.Ordinal) is true ? key[Header.Length..] : null;

    /// <summary>The name of the parameter, or <see langword="null"/> where the key is none.</summary>
    public static string? QueryOf(string? key) => key?.StartsWith(Query, StringComparison.Ordinal) is true ? key[Query.Length..] : null;
}
