using DurableGateway.Admin;
using DurableGateway.Notices;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Telemetry;

namespace DurableGateway.Replay;

/// <summary>
/// What is in due-queues beside runs: events that are not delivered to all yet, ends that the invoking run has not been told,
/// notices to operators, actions on sets of runs. Whoever began an errand usually ends it; a node that finds one due takes it over.
/// </summary>
internal sealed class Errands(IWaitStore store, EventDelivery events, InvocationResults results, NoticeDelivery notices, SetActions sets,
    DueClock clock, TimeProvider time, ILogger<Errands> log)
{
    private static readonly TimeSpan Others = TimeSpan.FromSeconds(10);

    public async Task TakeAsync(Errand errand)
    {
        var until = time.GetUtcNow() + Others;
        if (!await store.TakeErrandAsync(errand, until)) return;
        clock.Hear(errand.Shard, until);
        _ = RunAsync(errand);
    }

    private async Task RunAsync(Errand errand)
    {
        try
        {
            var name = errand.Entry[2..];
            if (errand.Entry.StartsWith(EventDelivery.Prefix, StringComparison.Ordinal))
            {
                await events.ResumeAsync(errand.Shard, name);
                return;
            }

            if (errand.Entry.StartsWith(StoredSetAction.Prefix, StringComparison.Ordinal))
            {
                await sets.ResumeAsync(name);
                return;
            }

            if (Notice.TryParse(errand.Entry, out var notice) && await notices.DeliverAsync(notice) is { } later)
            {
                await store.PutOffErrandAsync(errand, later);
                clock.Hear(errand.Shard, later);
                return;
            }

            if (errand.Entry.StartsWith(InvocationResults.Prefix, StringComparison.Ordinal) && RunId.TryParse(name, out var child)
                && !await results.DeliverAsync(child)) return;
            await store.SettleErrandAsync(errand);
        }
        catch (StoreUnavailableException e)
        {
            log.ErrandWaits(errand.Entry, e.Message);
        }
        catch (Exception e) when (e is UnreadableRecordException or FormatException)
        {
            // What cannot be read today can be read by a node that has the key, or by nobody: it expires with its run.
            log.ErrandFailed(errand.Entry, e.Message);
        }
    }
}
