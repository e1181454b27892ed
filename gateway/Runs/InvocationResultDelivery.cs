using System.Text;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Delivers the result of an invoked run to the step that invoked it.</summary>
internal sealed class InvocationResultDelivery(IRunStore runs, IWaitStore store, WaitService waits, TimeProvider time) : IOutboxHandler
{
    /// <summary>The prefix of the outbox entry of an ended run.</summary>
    public const string Prefix = "p:";

    private const int MaxTextBytes = 4096;

    string IOutboxHandler.Prefix => Prefix;

    async Task<OutboxDisposition> IOutboxHandler.HandleAsync(OutboxEntry entry) =>
        !RunId.TryParse(entry.Argument, out var child) || await DeliverAsync(child) ? OutboxDisposition.Done : OutboxDisposition.Kept;

    /// <returns><see langword="false"/> if the run has not ended.</returns>
    public async Task<bool> DeliverAsync(RunId child)
    {
        if (await store.GetInvokerAsync(child) is not { } invoker || await runs.GetPolicyAsync(invoker.Run) is not { } policy) return true;
        if (await runs.GetSnapshotAsync(child) is not { } ended) return true;
        if (!ended.State.HasEnded()) return false;
        var result = ended.State == RunState.Cancelled ? Problems.RunCancelled(child).ToResponse()
            : await runs.GetResultAsync(child) ?? Problems.ResultUnknown().ToResponse();
        var outcome = Outcome(child, invoker.Step, ended.StartedAt, result);
        if (outcome.Body.Length > policy.MaxStepBytes)
            outcome = Outcome(child, invoker.Step, ended.StartedAt, Problems.StepTooLarge(child, policy.MaxStepBytes).ToResponse());
        await waits.DeliverAsync(invoker.Run, WaitKind.Invocation, outcome);
        return true;
    }

    private StepOutcome Outcome(RunId child, string step, DateTimeOffset startedAt, StoredResponse result)
    {
        var failed = result.Status >= 400;
        var contentType = result.Headers.FirstOrDefault(line => line.Name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase)).Value
            ?? "";
        var body = result.Body;
        if (failed && !contentType.StartsWith(Problem.ContentType, StringComparison.OrdinalIgnoreCase))
        {
            contentType = Problem.ContentType;
            var text = Encoding.UTF8.GetString(body.Span[..Math.Min(body.Length, MaxTextBytes)]);
            body = Problems.InvokeFailed(child, result.Status, text.Length > 0 ? text : null).ToJson();
        }

        return new StepOutcome
        {
            Id = step,
            Type = WaitKind.Invocation.Name(),
            Failed = failed,
            ContentType = contentType,
            Body = body,
            Attempt = 0,
            StartedAt = startedAt,
            EndedAt = time.GetUtcNow(),
        };
    }
}
