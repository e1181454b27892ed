using System.Collections.Concurrent;
using System.Text.Json;
using DurableGateway.Admin.Json;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Admin;

/// <summary>
/// Executes bulk actions: lists the runs that match, page by page, and acts on each. The progress is in the store. The node that works on
/// an action renews its lease. If the node dies, another node repeats the current page, which does nothing twice. Only the counts of that
/// page are lost.
/// </summary>
internal sealed class BulkActionRunner(
    IRunAdmin admin, BulkActionStore store, IOutboxStore outbox, TimeProvider time, ILogger<BulkActionRunner> log)
    : IHostedService, IOutboxHandler
{
    private const int PageSize = 25;

    private readonly ConcurrentDictionary<Guid, Task> _underWay = new();
    private volatile bool _leaving;

    public async Task<BulkAction> BeginAsync(string verb, RunQuery filter, string who)
    {
        var now = time.GetUtcNow();

        // Exclude runs that start during the bulk action.
        var meant = FilterJson.From(filter with { Before = filter.Before < now ? filter.Before : now });
        var set = new BulkAction(Guid.CreateVersion7(now), verb,
            JsonSerializer.SerializeToUtf8Bytes(meant, JsonSerializerOptions.Web), who, now);
        await store.BeginAsync(set);
        Go(set);
        return set;
    }

    public async Task<BulkAction?> FindAsync(string id) => Guid.TryParseExact(id, "D", out var guid) ? await store.GetAsync(guid) : null;

    public Task<IReadOnlyList<BulkAction>> GetNewestAsync(int limit) => store.GetNewestAsync(limit);

    /// <returns>The action after the call; <see langword="null"/> if it does not exist.</returns>
    public async Task<BulkAction?> StopAsync(string id)
    {
        if (await FindAsync(id) is not { } set) return null;
        await store.StopAsync(set.Id);
        return await store.GetAsync(set.Id);
    }

    string IOutboxHandler.Prefix => BulkAction.Prefix;

    /// <summary>Continues a bulk action whose node is gone.</summary>
    async Task<OutboxDisposition> IOutboxHandler.HandleAsync(OutboxEntry entry)
    {
        if (await FindAsync(entry.Argument) is not { IsUnderWay: true } set) return OutboxDisposition.Done;
        Go(set);
        return OutboxDisposition.Kept;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _leaving = true;

        // If a page does not finish in time, another node repeats it.
        await Task.WhenAll(_underWay.Values).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Go(BulkAction set)
    {
        // If the store was unavailable for longer than the lease, the action is due again although this node works on it.
        var ended = new TaskCompletionSource();
        if (!_leaving && _underWay.TryAdd(set.Id, ended.Task)) _ = DriveAsync(set, ended);
    }

    private async Task DriveAsync(BulkAction set, TaskCompletionSource ended)
    {
        var entry = BulkActionStore.EntryOf(set.Id);
        try
        {
            if (!await WorkAsync(set)) await outbox.PostponeAsync(entry, time.GetUtcNow());
        }
        catch (StoreUnavailableException e)
        {
            // The action stays in the due queue: a node continues it when the store is available.
            log.OutboxEntryWaits(entry.Name, e.Message);
        }
        finally
        {
            _underWay.TryRemove(set.Id, out _);
            ended.SetResult();
        }
    }

    /// <returns>True if this node has no more work on the action; false if the node stops and another node must continue.</returns>
    private async Task<bool> WorkAsync(BulkAction set)
    {
        using var ticks = new PeriodicTimer(store.Lease / 3, time);
        var kept = KeepAsync(set.Id, ticks);
        try
        {
            while (await StepAsync(set) is { } next)
            {
                set = next;
                if (_leaving) return false;
            }

            return true;
        }
        finally
        {
            // Stop renewing the lease, so that another node can continue.
            ticks.Dispose();
            await kept;
        }
    }

    private async Task KeepAsync(Guid set, PeriodicTimer ticks)
    {
        while (await ticks.WaitForNextTickAsync())
        {
            try
            {
                await store.KeepAsync(set);
            }
            catch (StoreUnavailableException)
            {
                // The work on the page reports it if the store is still unavailable then.
            }
        }
    }

    /// <summary>Acts on one page of runs.</summary>
    /// <returns>The action after the page; <see langword="null"/> if it has ended or another node owns it.</returns>
    private async Task<BulkAction?> StepAsync(BulkAction set)
    {
        var (done, refused) = (0, 0);
        var next = set.Cursor;
        var state = BulkActionState.Running;
        try
        {
            if (set.State != BulkActionState.Stopping)
            {
                var page = await admin.ListAsync(QueryOf(set) with
                {
                    Limit = PageSize,
                    Cursor = set.Cursor.Length == 0 ? null : set.Cursor,
                });
                foreach (var run in page.Runs)
                {
                    if (await ActAsync(set, run.Id)) done++;
                    else refused++;
                }

                (next, state) = (page.Next ?? "", page.Next is null ? BulkActionState.Completed : BulkActionState.Running);
            }
        }
        catch (Exception e) when (e is UnreadableRecordException or FormatException or JsonException)
        {
            await store.AdvanceAsync(set, next, done, refused, BulkActionState.Failed, e.Message);
            return null;
        }

        return await store.AdvanceAsync(set, next, done, refused, state) == BulkActionState.Running ? set with { Cursor = next } : null;
    }

    private async Task<bool> ActAsync(BulkAction set, RunId run)
    {
        // The derived id keeps a repeated page from creating a second copy of a run.
        var action = AdminQuery.Action(set.Verb) ?? throw new FormatException($"There is no bulk action '{set.Verb}'.");
        if (action is RunAction.RunAgain) action = new RunAction.RunAgain(RunId.Derive(run, $"again {set.Id}"));
        try
        {
            return (await admin.ActAsync(run, action, set.Who)).Done;
        }
        catch (UnreadableRecordException)
        {
            return false;
        }
    }

    private static RunQuery QueryOf(BulkAction set) =>
        AdminQuery.Read(JsonSerializer.Deserialize<FilterJson>(set.Filter.Span, JsonSerializerOptions.Web)
            ?? throw new FormatException("The filter is missing."));
}
