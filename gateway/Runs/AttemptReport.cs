using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>The data of an attempt to write, for each disposition.</summary>
internal sealed record AttemptReport
{
    /// <summary>The failure, for <see cref="Disposition.Retry"/>.</summary>
    public required AttemptFailure Failure { get; init; }

    /// <summary>The problem, for <see cref="Disposition.EndWithProblem"/>.</summary>
    public required Problem? Refusal { get; init; }

    /// <summary>The result, for <see cref="Disposition.Complete"/> and <see cref="Disposition.EndWithResponse"/>.</summary>
    public required Func<Task<StoredResponse>> Result { get; init; }

    /// <summary>Whether the service stated that its failure is final (<c>Durable-Retry: ?0</c>).</summary>
    public bool IsFinalAnswer { get; init; }

    /// <summary>The status of the response.</summary>
    public int Status { get; init; }

    /// <summary>Creates the report of an attempt that got no response.</summary>
    public static AttemptReport Of(AttemptFailure failure) => new()
    {
        Failure = failure,
        Refusal = null,
        Result = () => Task.FromResult(failure.Result()),
    };
}
