using DurableGateway.Http;
using DurableGateway.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Refuses targets whose dot segments a service may resolve to another path than routing did. The gateway sends the target as the client
/// wrote it, and the service could find a path in it that the route does not cover.
/// </summary>
internal sealed class DotSegmentMiddleware(RequestDelegate next)
{
    /// <summary>Characters that separate segments for some servers and not for others.</summary>
    private static readonly string[] Ambiguous = ["//", "\\", "#", "%5c", "%2f"];

    public Task InvokeAsync(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

        // The path has dots only where the target has them, plain or encoded.
        return MayHaveDots(target) && (HasHidden(context.Request.Path.Value ?? "") || HasAmbiguous(target))
            ? context.Response.WriteProblemAsync(Problems.BadRequest(StatusCodes.Status400BadRequest,
                "The path has dot segments that servers resolve differently: with an encoded slash, a backslash, an empty segment, "
                + "a parameter or a fragment."))
            : next(context);
    }

    private static bool MayHaveDots(string target) => target.Contains("..", StringComparison.Ordinal)
        || (target.Contains('%', StringComparison.Ordinal) && target.Contains("%2e", StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// The server has already resolved dot segments between plain slashes, plain and encoded. <c>..;x</c> is one to Java servers.
    /// </summary>
    private static bool HasHidden(string path) => path.Contains("..", StringComparison.Ordinal)
        && path.Replace("%2f", "/", StringComparison.OrdinalIgnoreCase).Split('/', '\\').Any(segment => segment.Split(';')[0] == "..");

    /// <summary>The segment that a <c>..</c> removes depends on what counts as a segment.</summary>
    private static bool HasAmbiguous(string target)
    {
        var path = target.Split('?')[0];
        var authority = path.StartsWith('/') ? -1 : path.IndexOf("://", StringComparison.Ordinal);
        if (authority >= 0) path = path[(authority + 3)..];
        return Ambiguous.Any(mark => path.Contains(mark, StringComparison.OrdinalIgnoreCase))
            && path.Replace("%2e", ".", StringComparison.OrdinalIgnoreCase).Split('/').Contains("..");
    }
}
