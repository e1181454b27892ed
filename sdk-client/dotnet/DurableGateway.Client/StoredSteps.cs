using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>The stored outcomes of earlier attempts, and which of them the handler has requested.</summary>
internal sealed class StoredSteps(Dictionary<string, StepOutcome> known, bool complete, GatewayClient? gateway)
{
    private const int MaxMismatchChars = 4096;

    private readonly object _lock = new();
    private readonly Dictionary<string, string> _asked = new(StringComparer.Ordinal);
    private readonly HashSet<string> _optional = new(StringComparer.Ordinal);
    private Task<Dictionary<string, StepOutcome>>? _rest;

    /// <summary>The outcomes read so far.</summary>
    private Dictionary<string, StepOutcome> All =>
        Volatile.Read(ref _rest) is { Status: TaskStatus.RanToCompletion } rest ? rest.Result : known;

    /// <summary>Gets the stored outcome of a step, if there is one. Outcomes that did not fit into the header are read once.</summary>
    /// <exception cref="CheckpointException">The outcomes cannot be read.</exception>
    public async Task<StepOutcome?> FindAsync(string id, string type, CancellationToken cancellationToken)
    {
        lock (_lock) _asked[id] = type;
        if (known.TryGetValue(id, out var outcome)) return outcome;
        if (complete) return null;
        Task<Dictionary<string, StepOutcome>> rest;
        lock (_lock) rest = _rest ??= gateway!.GetStepsAsync(cancellationToken);
        return (await rest.ConfigureAwait(false)).TryGetValue(id, out outcome) ? outcome : null;
    }

    /// <summary>Gets an outcome that was read already, without marking it as requested by the handler.</summary>
    public StepOutcome? Peek(string id) => All.TryGetValue(id, out var outcome) ? outcome : null;

    /// <summary>Whether there are stored outcomes that the handler has not requested, including unregistered compensations.</summary>
    public bool HasUnasked
    {
        get
        {
            var all = All;
            lock (_lock) return all.Keys.Any(id => !_asked.ContainsKey(id) && !IsOptional(id, all));
        }
    }

    /// <summary>Marks a step that the handler need not request.</summary>
    public void MakeOptional(string id)
    {
        lock (_lock) _optional.Add(id);
    }

    /// <summary>
    /// The differences between the handler and the stored steps, as the value of <c>Durable-Mismatch</c>; <see langword="null"/> if none.
    /// </summary>
    /// <param name="finished">Whether the handler has requested all of its steps.</param>
    public string? Mismatches(bool finished)
    {
        var items = new List<string>();
        var length = 0;
        var all = All;
        lock (_lock)
        {
            foreach (var step in all)
            {
                var asked = _asked.TryGetValue(step.Key, out var type);
                var item = asked switch
                {
                    true when step.Value.Type is { } stored && stored != type => $";stored={stored};asked={type}",
                    false when finished && !IsOptional(step.Key, all) => ";unused",
                    _ => null,
                };
                if (item is null) continue;
                item = StructuredField.String(step.Key) + item;

                // A header that is too long would make the response fail. The first differences are enough.
                if ((length += item.Length + 2) > MaxMismatchChars) break;
                items.Add(item);
            }
        }

        return items.Count == 0 ? null : string.Join(", ", items);
    }

    /// <summary>Whether the handler need not request the step, for example because it hands out a completed callback.</summary>
    private bool IsOptional(string id, Dictionary<string, StepOutcome> all)
    {
        if (_optional.Contains(id) || id == StepNames.RollbackBegun) return true;
        if (StepNames.CallbackOf(id) is not { } callback) return false;
        return (_asked.TryGetValue(callback, out var asked) && asked == StepTypes.Callback)
            || (all.TryGetValue(callback, out var stored) && stored.Type == StepTypes.Callback);
    }
}
