using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>A failure of an attempt: what is said of it, and what becomes the result if it was the last.</summary>
/// <param name="Reason">What went wrong, in a few words.</param>
/// <param name="Status">The status of the service's response; 0 where that is not what went wrong.</param>
/// <param name="Result">Makes the result.</param>
/// <param name="RetryAfter">The delay that the service named.</param>
/// <param name="Final">Whether there is no further attempt.</param>
/// <param name="Unreachable">Whether there was no connection to the service at all.</param>
internal sealed record AttemptFailure(
    string Reason, int Status, Func<StoredResponse> Result, TimeSpan? RetryAfter = null, bool Final = false, bool Unreachable = false)
{
    /// <summary>A failure that ends the run, whatever tries are left.</summary>
    public static AttemptFailure Of(Problem problem) => new(problem.Title, 0, problem.ToResponse, Final: true);
}
