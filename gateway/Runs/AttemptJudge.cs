namespace DurableGateway.Runs;

/// <summary>Determines the outcome of an attempt from its response (§4).</summary>
internal static class AttemptJudge
{
    /// <param name="policy">The policy. Its statuses decide if the response does not state the outcome.</param>
    /// <param name="status">The status code of the response.</param>
    /// <param name="suspended"><c>Durable-Suspended</c>.</param>
    /// <param name="retry"><c>Durable-Retry</c>: final (<see langword="false"/>), a failure (<see langword="true"/>),
    /// or not stated.</param>
    public static AttemptOutcome Judge(RunPolicy policy, int status, bool? suspended, bool? retry)
    {
        if (suspended is true) return AttemptOutcome.Suspended;
        var failure = policy.RetryStatuses.Contains(status);
        return retry switch
        {
            true => AttemptOutcome.Failed,
            false => failure ? AttemptOutcome.FailedForGood : AttemptOutcome.Completed,
            null => failure ? AttemptOutcome.Failed : AttemptOutcome.Completed,
        };
    }
}
