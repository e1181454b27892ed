using DurableGateway.Protocol;

namespace DurableGateway.Runs;

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
