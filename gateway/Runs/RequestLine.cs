namespace DurableGateway.Runs;

/// <summary>A request as log lines show it.</summary>
internal static class RequestLine
{
    private const int MaxPathChars = 300;

    /// <summary>Method, path and destination. Not the query: it may hold secrets.</summary>
    /// <param name="method">Its method.</param>
    /// <param name="target">Its target as it stood on the wire.</param>
    /// <param name="destination">The address of the service; <see langword="null"/> where none was chosen.</param>
    public static string Of(string method, string target, string? destination)
    {
        var path = target.Split('?', 2)[0];
        if (path.Length > MaxPathChars) path = path[..MaxPathChars] + "…";
        return destination is null ? $"{method} {path}" : $"{method} {path} at {destination}";
    }
}
