using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Http;

/// <summary>
/// Tells browsers which sites may read the gateway's own responses to the client of a run (<c>Cors:Origins</c>; CORS protocol of the Fetch
/// standard): its redirect, its problems, and the responses at the result URL. CORS headers of the service are unchanged.
/// </summary>
internal static class Cors
{
    private const string Any = "*";

    /// <summary>
    /// The methods of a result URL. A client that keeps its method on a redirect gets the same answer as with <c>GET</c>.
    /// </summary>
    public const string ResultMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

    /// <summary>The methods of the run behind a result URL.</summary>
    public const string RunMethods = "DELETE, OPTIONS";
    private const string Family = "Access-Control-";

    /// <summary>How long a browser may cache the answer, in seconds. It is short because a policy may change.</summary>
    private const string MaxAge = "600";

    private static readonly string Exposed = string.Join(", ",
        DurableHeaders.RunId, DurableHeaders.Status, DurableHeaders.Result, "Location", "Retry-After", DurableHeaders.PreferenceApplied,
        DurableHeaders.IdempotentReplayed);

    public static void AllowOrigin(this HttpResponse response, RunPolicy policy)
    {
        var headers = response.Headers;
        if (policy.CorsOrigins.Length == 0 || headers.Keys.Any(name => name.StartsWith(Family, StringComparison.OrdinalIgnoreCase))) return;
        var origin = response.HttpContext.Request.Headers.Origin.ToString();
        var any = policy.CorsOrigins == Any;

        // Without this, a cache could return one site's response to another site.
        if (!any) headers.Append("Vary", "Origin");
        if (origin.Length == 0 || !(any || policy.CorsOrigins.Split(',').Contains(origin, StringComparer.OrdinalIgnoreCase))) return;
        headers.AccessControlAllowOrigin = any ? Any : origin;
        headers.AccessControlExposeHeaders = Exposed;
        if (policy.CorsCredentials && !any) headers.AccessControlAllowCredentials = "true";
    }

    public static bool IsPreflight(HttpRequest request) =>
        HttpMethods.IsOptions(request.Method) && request.Headers.AccessControlRequestMethod.Count > 0;

    /// <summary>
    /// Answers a preflight request. A browser that follows a redirect sends the original request's headers to the result URL, so all
    /// headers are allowed.
    /// </summary>
    public static void AnswerPreflight(HttpContext context, string methods, RunPolicy? policy)
    {
        var (request, response) = (context.Request.Headers, context.Response);
        response.StatusCode = StatusCodes.Status204NoContent;
        response.Headers.Allow = methods;
        if (policy is null) return;
        response.AllowOrigin(policy);
        if (response.Headers.AccessControlAllowOrigin.Count == 0) return;
        response.Headers.AccessControlAllowMethods = methods;
        response.Headers.AccessControlMaxAge = MaxAge;
        response.Headers.Append("Vary", "Access-Control-Request-Headers");
        if (request.AccessControlRequestHeaders.ToString() is { Length: > 0 } asked) response.Headers.AccessControlAllowHeaders = asked;
    }
}
