using System.Collections.Concurrent;
using System.Text.Json;
using DurableGateway.Admin.Json;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Admin;

/// <summary>
/// Actions on sets of runs: each run of the set is looked for, and acted on, one page after the other. How far that is stands in the store.
/// Whoever is at work keeps the action for as long as it lives. A node that dies loses the count of the page in hand, no run: whoever
/// goes on does the page again, which does nothing twice.
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

        // Runs that begin while it is under way are not meant.
        var meant = FilterJson.From(filter with { Before = filter.Before < now ? filter.Before : now });
        var set = new BulkAction(Guid.CreateVersion7(now), verb,
            JsonSerializer.SerializeToUtf8Bytes(meant, JsonSerializerOptions.Web), who, now);
        await store.BeginAsync(set);
        Go(set);
        return set;
    }

    public async Task<BulkAction?> FindAsync(string id) => Guid.TryParseExact(id, "D", out var guid) ? await store.GetAsync(guid) : null;

    public Task<IReadOnlyList<BulkAction>> GetNewestAsync(int limit) => store.GetNewestAsync(limit);

    /// <returns>The action as it is then; <see langword="null"/> where there is none.</returns>
    public async Task<BulkAction?> StopAsync(string id)
    {
        if (await FindAsync(id) is not { } set) return null;
        await store.StopAsync(set.Id);
        return await store.GetAsync(set.Id);
    }

    string IOutboxHandler.Prefix => BulkAction.Prefix;

    /// <summary>Goes on with what a node began that is gone.</summary>
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

        // A page that does not end in time is done again by whoever goes on.
        await Task.WhenAll(_underWay.Values).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Go(BulkAction set)
    {
        // A store that was away for longer than the lease makes it due once more.
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
            // It is in the due-queue: this node or another goes on when the store is back.
            log.OutboxEntryWaits(entry.Name, e.Message);
        }
        finally
        {
            _underWay.TryRemove(set.Id, out _);
            ended.SetResult();
        }
    }

    /// <returns>Whether nothing of it is left to this node. Otherwise this node leaves, and somebody is to go on.</returns>
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
            // Nothing is kept from others by a node that is no longer at work.
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
                // What is done with the page says so, or the store is back by then.
            }
        }
    }

    /// <summary>Acts on a page.</summary>
    /// <returns>The set as it is then; <see langword="null"/> where this was the end of it, or it is somebody else's by now.</returns>
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
        // A page that is done again makes no second copy of a run.
        var action = AdminQuery.Action(set.Verb) ?? throw new FormatException($"There is no action '{set.Verb}'.");
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
