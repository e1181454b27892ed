using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>Creates result URLs: relative, with a token that contains its expiry (§5).</summary>
internal sealed class ResultUrlFactory(Tokens tokens)
{
    public const string Path = WirePaths.Results;

    /// <summary>The suffix of a result URL that names the run itself. <c>DELETE</c> cancels it. Nothing redirects there.</summary>
    public const string Run = "/run";

    /// <summary>The maximum length of a reference with the member. Servers accept request lines of 8 KiB.</summary>
    private const int MaxReferenceChars = 4096;

    public string For(Attempt attempt) => For(attempt.Run, attempt.StartedAt + attempt.Policy.Lifetime);

    public string For(RunId run, DateTimeOffset end) => $"{Path}{run}?token={tokens.ForResult(run, end)}";

    /// <summary>Whether a <c>Location</c> is one that <see cref="Redirect"/> sets.</summary>
    public static bool IsResult(string location) => location.StartsWith(Path, StringComparison.Ordinal) || ResultMember.IsIn(location);

    /// <summary>Writes a <c>303</c> to the result, which may be at the path of the request.</summary>
    /// <param name="context">The request of the run, or a repetition with the same idempotency key.</param>
    /// <param name="policy">The policy of its route.</param>
    /// <param name="run">The run.</param>
    /// <param name="end">When the run and its result are deleted.</param>
    /// <param name="retryAfter">When the client should ask again, if that is known.</param>
    public void Redirect(HttpContext context, RunPolicy policy, RunId run, DateTimeOffset end, TimeSpan retryAfter = default)
    {
        var url = For(run, end);
        if (AtTarget(context, policy, run, end) is { } near)
        {
            // The reserved URL works without the request's path, and can be cancelled.
            context.Response.Headers[DurableHeaders.Result] = url;
            url = near;
        }

        context.Response.Redirect(url, StatusCodes.Status303SeeOther, retryAfter);
    }

    private string? AtTarget(HttpContext context, RunPolicy policy, RunId run, DateTimeOffset end)
    {
        var isWanted = policy.ResultUrl switch
        {
            ResultUrlPlace.OriginalPath => true,
            ResultUrlPlace.ReservedPath => false,
            _ => BrowserRequest.IsDocument(context.Request),
        };
        if (!isWanted) return null;
        var target = RequestTarget.Of(context);
        return target.SelfReference is { Length: <= MaxReferenceChars } self
            ? new ResultMember(run, tokens.ForResultAt(run, target.ToString(), end)).AppendTo(self)
            : null;
    }
}
