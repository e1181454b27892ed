using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <param name="Run">The row of the list.</param>
/// <param name="Policy">The name of the policy that it started under.</param>
/// <param name="Request">As it was stored, secrets masked.</param>
/// <param name="Response">The result, secrets masked; <see langword="null"/> until it has ended.</param>
/// <param name="Attempts">Oldest first.</param>
/// <param name="Steps">In the order in which they began.</param>
/// <param name="History">Oldest first.</param>
/// <param name="ResultUrl">Relative, for the client.</param>
internal sealed record RunDetail(
    RunRow Run, string Policy, StoredRequest Request, StoredResponse? Response,
    IReadOnlyList<AttemptView> Attempts, IReadOnlyList<StepView> Steps,
    IReadOnlyList<HistoryEntry> History, string ResultUrl);
