using Microsoft.Net.Http.Headers;

namespace DurableGateway.Results;

/// <summary>Distinguishes requests of browsers from those of programs.</summary>
internal static class BrowserRequest
{
    private const string StyleSheet = "text/css";

    /// <summary>The destination of <c>fetch</c>, <c>XMLHttpRequest</c> and <c>EventSource</c> (Fetch metadata).</summary>
    private const string NoDestination = "empty";

    /// <summary>
    /// Whether a browser resolves references in the response against its URL: for a page, a frame, a style sheet or a script. Browsers send
    /// <c>Sec-Fetch-Dest</c> only over HTTPS and to the local machine.
    /// </summary>
    public static bool IsDocument(HttpRequest request) => ProgressPage.IsWanted(request)
        || (request.Headers["Sec-Fetch-Dest"] is { Count: > 0 } destination && destination != NoDestination)
        || request.Headers.Accept.ToString().StartsWith(StyleSheet, StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Whether a request that is neither <c>GET</c> nor <c>HEAD</c> comes from a form or a script of a page. Browsers change every method
    /// to <c>GET</c> when they follow a <c>303</c>, so such a request does not follow one.
    /// </summary>
    public static bool IsFromPage(HttpRequest request) =>
        request.Headers.ContainsKey(HeaderNames.Origin) || request.Headers.ContainsKey("Sec-Fetch-Mode") || ProgressPage.IsWanted(request);
}
