using Microsoft.Net.Http.Headers;

namespace DurableGateway.Results;

/// <summary>Tells what browsers send from what programs send.</summary>
internal static class BrowserRequest
{
    private const string StyleSheet = "text/css";

    /// <summary>The destination of <c>fetch</c>, <c>XMLHttpRequest</c> and <c>EventSource</c> (Fetch metadata).</summary>
    private const string NoDestination = "empty";

    /// <summary>
    /// Whether a browser resolves what is in the response against its URL: a page, a frame, a style sheet, a script. Browsers send
    /// <c>Sec-Fetch-Dest</c> over HTTPS and to the own machine only.
    /// </summary>
    public static bool IsDocument(HttpRequest request) => ProgressPage.IsWanted(request)
        || (request.Headers["Sec-Fetch-Dest"] is { Count: > 0 } destination && destination != NoDestination)
        || request.Headers.Accept.ToString().StartsWith(StyleSheet, StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Whether a request that is neither <c>GET</c> nor <c>HEAD</c> comes from a page: a form, or a script. Browsers turn every method into
    /// <c>GET</c> as they follow a <c>303</c>, so it is none that was kept.
    /// </summary>
    public static bool IsFromPage(HttpRequest request) =>
        request.Headers.ContainsKey(HeaderNames.Origin) || request.Headers.ContainsKey("Sec-Fetch-Mode") || ProgressPage.IsWanted(request);
}
