using DurableGateway.Protocol;

namespace DurableGateway.Runs;

internal static class ProblemResponses
{
    /// <summary>The problem as the stored result of a run.</summary>
    public static StoredResponse ToResponse(this Problem problem) =>
        new(problem.Status, [new("Content-Type", Problem.ContentType)], problem.ToJson());
}
