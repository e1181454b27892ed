using System.Collections.Frozen;
using DurableGateway.Diagnostics;
using DurableGateway.Runs;

namespace DurableGateway.Replay;

/// <summary>
/// Has the due entries of the outbox handled. The node that writes an entry usually does its work at once; a node that finds an entry due
/// takes the work over.
/// </summary>
internal sealed class Outbox(
    IOutboxStore store, IEnumerable<IOutboxHandler> handlers, DueClock clock, TimeProvider time, ILogger<Outbox> log)
{
    /// <summary>After this time another node takes over an entry that is still there.</summary>
    private static readonly TimeSpan TakeoverDelay = TimeSpan.FromSeconds(10);

    private readonly FrozenDictionary<string, IOutboxHandler> _handlers = handlers.ToFrozenDictionary(handler => handler.Prefix,
        StringComparer.Ordinal);

    /// <summary>Takes a due entry, and begins its work. Completes when the entry is this node's, or another's.</summary>
    public async Task TakeAsync(OutboxEntry entry)
    {
        var until = time.GetUtcNow() + TakeoverDelay;
        if (!await store.TryTakeAsync(entry, until)) return;
        clock.Hear(entry.Shard, until);
        _ = HandleAsync(entry);
    }

    private async Task HandleAsync(OutboxEntry entry)
    {
        try
        {
            if (!_handlers.TryGetValue(entry.Prefix, out var handler))
            {
                // A newer version of the gateway may have written it: that has to find it.
                log.OutboxEntryFailed(entry.Name, "This version of the gateway does not know its kind.");
                return;
            }

            var disposition = await handler.HandleAsync(entry);
            if (disposition.IsDone) await store.RemoveAsync(entry);
            else if (disposition.RetryAt is { } at)
            {
                await store.PostponeAsync(entry, at);
                clock.Hear(entry.Shard, at);
            }
        }
        catch (StoreUnavailableException e)
        {
            log.OutboxEntryWaits(entry.Name, e.Message);
        }
        catch (Exception e) when (e is UnreadableRecordException or FormatException)
        {
            // A node that has the key may be able to read it, or none: the entry expires with its run.
            log.OutboxEntryFailed(entry.Name, e.Message);
        }
    }
}
