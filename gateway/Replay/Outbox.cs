using System.Collections.Frozen;
using DurableGateway.Diagnostics;
using DurableGateway.Runs;

namespace DurableGateway.Replay;

/// <summary>
/// Handles the due entries of the outbox. The node that writes an entry usually handles it at once. If the entry is still there when it is
/// due, any node takes it over.
/// </summary>
internal sealed class Outbox(
    IOutboxStore store, IEnumerable<IOutboxHandler> handlers, DueClock clock, TimeProvider time, ILogger<Outbox> log)
{
    /// <summary>How long a node has to handle an entry before another node takes it over.</summary>
    private static readonly TimeSpan TakeoverDelay = TimeSpan.FromSeconds(10);

    private readonly FrozenDictionary<string, IOutboxHandler> _handlers = handlers.ToFrozenDictionary(handler => handler.Prefix,
        StringComparer.Ordinal);

    /// <summary>Takes a due entry and starts to handle it. Completes when this node or another one has taken it.</summary>
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
                // A newer version of the gateway may have written it, and will find it.
                log.OutboxEntryFailed(entry.Name, "This version of the gateway does not support entries of this kind.");
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
            // Another node may have the key to read it. Otherwise the entry expires with its run.
            log.OutboxEntryFailed(entry.Name, e.Message);
        }
    }
}
