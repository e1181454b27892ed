namespace DurableGateway.Runs;

/// <summary>Formats a request for the log.</summary>
internal static class RequestLine
{
    private const int MaxPathChars = 300;

    /// <summary>Method, path and destination, without the query, which can contain secrets.</summary>
    /// <param name="method">Its method.</param>
    /// <param name="target">The target as received.</param>
    /// <param name="destination">The address of the service; <see langword="null"/> if none was chosen.</param>
    public static string Of(string method, string target, string? destination)
    {
        var path = target.Split('?', 2)[0];
        if (path.Length > MaxPathChars) path = path[..MaxPathChars] + "…";
        return destination is null ? $"{method} {path}" : $"{method} {path} at {destination}";
    }
}
