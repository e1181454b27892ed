namespace DurableGateway.Runs;

/// <summary>The key by which flow control groups requests: <c>route</c>, <c>header:&lt;name&gt;</c> or <c>query:&lt;name&gt;</c>.</summary>
internal static class FlowKey
{
    public const string Route = "route";
    private const string Header = "header:";
    private const string Query = "query:";

    public static bool IsValid(string key) =>
        key == Route || IsHeader(key) || (key.StartsWith(Query, StringComparison.Ordinal) && key.Length > Query.Length);

    public static bool IsHeader(string key) => HeaderOf(key) is { Length: > 0 } name
        && name.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal));

    /// <summary>The name of the header; <see langword="null"/> if the key is not a header.</summary>
    public static string? HeaderOf(string? key) => key?.StartsWith(Header, StringComparison.Ordinal) is true ? key[Header.Length..] : null;

    /// <summary>The name of the parameter; <see langword="null"/> if the key is not a parameter.</summary>
    public static string? QueryOf(string? key) => key?.StartsWith(Query, StringComparison.Ordinal) is true ? key[Query.Length..] : null;
}
