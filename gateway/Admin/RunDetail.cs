using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <param name="Run">The run as in the list.</param>
/// <param name="Policy">The name of the policy that the run started with.</param>
/// <param name="Request">The stored request, with secrets masked.</param>
/// <param name="Response">The result, with secrets masked; <see langword="null"/> until the run ends.</param>
/// <param name="Attempts">The attempts, oldest first.</param>
/// <param name="Steps">The steps, by their start time.</param>
/// <param name="History">The history, oldest first.</param>
/// <param name="ResultUrl">The client's result URL, relative.</param>
internal sealed record RunDetail(
    RunRow Run, string Policy, StoredRequest Request, StoredResponse? Response,
    IReadOnlyList<AttemptView> Attempts, IReadOnlyList<StepView> Steps,
    IReadOnlyList<HistoryEntry> History, string ResultUrl);
