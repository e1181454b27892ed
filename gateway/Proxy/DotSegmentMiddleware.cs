using DurableGateway.Http;
using DurableGateway.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Refuses targets whose dot segments a service may resolve to another path than routing did: the service is sent the target as it was
/// written, and might find in it a path that the route is not for.
/// </summary>
internal sealed class DotSegmentMiddleware(RequestDelegate next)
{
    /// <summary>What one server takes for a part of a segment, or for a segment, and another does not.</summary>
    private static readonly string[] Ambiguous = ["//", "\\", "#", "%5c", "%2f"];

    public Task InvokeAsync(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

        // The path has dots only where the target has them, plain or encoded.
        return MayHaveDots(target) && (HasHidden(context.Request.Path.Value ?? "") || HasAmbiguous(target))
            ? context.Response.WriteProblemAsync(Problems.BadRequest(StatusCodes.Status400BadRequest,
                "The path has dot segments that servers understand differently: with an encoded slash, a backslash, an empty segment, "
                + "a parameter or a fragment."))
            : next(context);
    }

    private static bool MayHaveDots(string target) => target.Contains("..", StringComparison.Ordinal)
        || (target.Contains('%', StringComparison.Ordinal) && target.Contains("%2e", StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// Plain and encoded dot segments between plain slashes have been resolved by now; <c>..;x</c> is one to servers of Java.
    /// </summary>
    private static bool HasHidden(string path) => path.Contains("..", StringComparison.Ordinal)
        && path.Replace("%2f", "/", StringComparison.OrdinalIgnoreCase).Split('/', '\\').Any(segment => segment.Split(';')[0] == "..");

    /// <summary>Which segment a <c>..</c> takes away depends on what counts as one.</summary>
    private static bool HasAmbiguous(string target)
    {
        var path = target.Split('?')[0];
        var authority = path.StartsWith('/') ? -1 : path.IndexOf("://", StringComparison.Ordinal);
        if (authority >= 0) path = path[(authority + 3)..];
        return Ambiguous.Any(mark => path.Contains(mark, StringComparison.OrdinalIgnoreCase))
            && path.Replace("%2e", ".", StringComparison.OrdinalIgnoreCase).Split('/').Contains("..");
    }
}
