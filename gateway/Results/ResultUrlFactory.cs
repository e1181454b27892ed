using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>Makes result URLs: relative, with a capability that carries its own end (§5).</summary>
internal sealed class ResultUrlFactory(Tokens tokens)
{
    public const string Path = WirePaths.Results;

    /// <summary>Behind a result URL's path: the run itself, which <c>DELETE</c> cancels. No redirect leads there.</summary>
    public const string Run = "/run";

    /// <summary>The length that a reference with the member may have: servers take request lines of 8 KiB.</summary>
    private const int MaxReferenceChars = 4096;

    public string For(Attempt attempt) => For(attempt.Run, attempt.StartedAt + attempt.Policy.Lifetime);

    public string For(RunId run, DateTimeOffset end) => $"{Path}{run}?token={tokens.ForResult(run, end)}";

    /// <summary>Whether a <c>Location</c> is one that <see cref="Redirect"/> gives.</summary>
    public static bool IsResult(string location) => location.StartsWith(Path, StringComparison.Ordinal) || ResultMember.IsIn(location);

    /// <summary><c>303</c> to the result, which may be at the path of the request.</summary>
    /// <param name="context">The request of the run, or one that is the same by its idempotency key.</param>
    /// <param name="policy">The policy of its route.</param>
    /// <param name="run">The run.</param>
    /// <param name="end">When its last trace is gone.</param>
    /// <param name="retryAfter">When to come back, where that is known.</param>
    public void Redirect(HttpContext context, RunPolicy policy, RunId run, DateTimeOffset end, TimeSpan retryAfter = default)
    {
        var url = For(run, end);
        if (AtTarget(context, policy, run, end) is { } near)
        {
            // What can be cancelled, and asked for without the request's path.
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
