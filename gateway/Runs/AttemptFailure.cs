using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>A failure of an attempt, with the result of the run if this was the last attempt.</summary>
/// <param name="Reason">A short description of the failure.</param>
/// <param name="Status">The status of the service's response; 0 if the status is not the failure.</param>
/// <param name="Result">Creates the result.</param>
/// <param name="RetryAfter">The delay that the service requested.</param>
/// <param name="Final">Whether there is no further attempt.</param>
/// <param name="Unreachable">Whether there was no connection to the service.</param>
internal sealed record AttemptFailure(
    string Reason, int Status, Func<StoredResponse> Result, TimeSpan? RetryAfter = null, bool Final = false, bool Unreachable = false)
{
    /// <summary>What the service said about it, for operators.</summary>
    public FailureText Text { get; init; }

    /// <summary>Creates a failure that ends the run, even if tries are left.</summary>
    public static AttemptFailure Of(Problem problem) => new(problem.Title, 0, problem.ToResponse, Final: true);
}
