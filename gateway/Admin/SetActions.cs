using System.Collections.Concurrent;
using DurableGateway.Storage;

namespace DurableGateway.Admin;

/// <summary>Actions on sets of runs. Each run of the set is looked for, and acted on, one page after the other.</summary>
internal sealed class SetActions(IRunAdmin admin, TimeProvider time) : IDisposable
{
    /// <summary>Ended ones are forgotten beyond this.</summary>
    private const int MostKept = 100;
    private const int PageSize = 100;

    private readonly ConcurrentDictionary<Guid, SetAction> _actions = new();

    public SetAction Begin(string name, RunAction action, RunQuery filter, string who)
    {
        foreach (var old in _actions.Values.Where(kept => kept.EndedAt is not null).OrderByDescending(kept => kept.EndedAt).Skip(MostKept - 1))
        {
            if (_actions.TryRemove(old.Id, out _)) old.Dispose();
        }

        var set = new SetAction(name, time.GetUtcNow());
        _actions[set.Id] = set;

        // Runs that begin while it is under way are not meant.
        var before = set.StartedAt < filter.Before || filter.Before is null ? set.StartedAt : filter.Before;
        _ = RunAsync(set, action, filter with { Before = before, Limit = PageSize, Cursor = null }, who);
        return set;
    }

    public SetAction? Find(string id) => Guid.TryParse(id, out var guid) ? _actions.GetValueOrDefault(guid) : null;

    public void Dispose()
    {
        foreach (var action in _actions.Values) action.Stop();
    }

    private async Task RunAsync(SetAction set, RunAction action, RunQuery filter, string who)
    {
        try
        {
            var query = filter;
            do
            {
                var page = await admin.ListAsync(query, set.Stopped);
                foreach (var run in page.Runs)
                {
                    set.Stopped.ThrowIfCancellationRequested();
                    set.Count((await admin.ActAsync(run.Id, action, who, set.Stopped)).Done);
                }

                query = query with { Cursor = page.Next };
            }
            while (query.Cursor is not null);
            set.End("completed", time.GetUtcNow());
        }
        catch (OperationCanceledException)
        {
            set.End("stopped", time.GetUtcNow());
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRecordException)
        {
            set.End("failed", time.GetUtcNow(), e.Message);
        }
    }
}
