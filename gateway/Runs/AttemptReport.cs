using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>What became of the run when an attempt ended.</summary>
/// <param name="State">The state that the attempt ended in.</param>
/// <param name="Due">When the run is due, where it waits.</param>
internal readonly record struct AttemptEnd(AttemptState State, DateTimeOffset Due = default);

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

/// <summary>What is to be written of an attempt, whatever is decided about it.</summary>
internal sealed record AttemptReport
{
    /// <summary>For <see cref="Disposition.Retry"/>.</summary>
    public required AttemptFailure Failure { get; init; }

    /// <summary>For <see cref="Disposition.EndWithProblem"/>.</summary>
    public required Problem? Refusal { get; init; }

    /// <summary>The result, for <see cref="Disposition.Complete"/> and <see cref="Disposition.EndWithResponse"/>.</summary>
    public required Func<Task<StoredResponse>> Result { get; init; }

    /// <summary>Whether the service itself said that its failure is final (<c>Durable-Retry: ?0</c>).</summary>
    public bool IsFinalAnswer { get; init; }

    /// <summary>The status of the response.</summary>
    public int Status { get; init; }

    /// <summary>The report of an attempt that got no response.</summary>
    public static AttemptReport Of(AttemptFailure failure) => new()
    {
        Failure = failure,
        Refusal = null,
        Result = () => Task.FromResult(failure.Result()),
    };
}
