using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>Makes result URLs: relative, with a capability that carries its own end (§5).</summary>
internal sealed class ResultUrls(Tokens tokens)
{
    public const string Path = "/_durable/v1/results/";

    /// <summary>Behind a result URL's path: the run itself, which <c>DELETE</c> cancels. No redirect leads there.</summary>
    public const string Run = "/run";

    public string For(Attempt attempt) => For(attempt.Run, attempt.StartedAt + attempt.Policy.Lifetime);

    public string For(RunId run, DateTimeOffset end) => $"{Path}{run}?token={tokens.ForResult(run, end)}";
}
