using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>The outcomes that earlier attempts left, and what the handler has asked for of them.</summary>
internal sealed class StoredSteps(Dictionary<string, StepOutcome> known, bool complete, GatewayClient? gateway)
{
    private const int MaxMismatchChars = 4096;

    private readonly object _gate = new();
    private readonly Dictionary<string, string> _asked = new(StringComparer.Ordinal);
    private readonly HashSet<string> _optional = new(StringComparer.Ordinal);
    private Task<Dictionary<string, StepOutcome>>? _rest;

    /// <summary>All that has been read so far.</summary>
    private Dictionary<string, StepOutcome> All =>
        Volatile.Read(ref _rest) is { Status: TaskStatus.RanToCompletion } rest ? rest.Result : known;

    /// <summary>The stored outcome of a step, if there is one. Those that did not fit into the header are read once.</summary>
    /// <exception cref="CheckpointException">They cannot be read.</exception>
    public async Task<StepOutcome?> FindAsync(string id, string type, CancellationToken cancellationToken)
    {
        lock (_gate) _asked[id] = type;
        if (known.TryGetValue(id, out var outcome)) return outcome;
        if (complete) return null;
        Task<Dictionary<string, StepOutcome>> rest;
        lock (_gate) rest = _rest ??= gateway!.GetStepsAsync(cancellationToken);
        return (await rest.ConfigureAwait(false)).TryGetValue(id, out outcome) ? outcome : null;
    }

    /// <summary>The same, of what has been read so far. Nothing that the handler asks for.</summary>
    public StepOutcome? Peek(string id) => All.TryGetValue(id, out var outcome) ? outcome : null;

    /// <summary>Whether outcomes are stored that the handler has not asked for, those of unregistered compensations included.</summary>
    public bool HasUnasked
    {
        get
        {
            var all = All;
            lock (_gate) return all.Keys.Any(id => !_asked.ContainsKey(id) && !IsOptional(id, all));
        }
    }

    /// <summary>A step that the handler need not reach.</summary>
    public void MakeOptional(string id)
    {
        lock (_gate) _optional.Add(id);
    }

    /// <summary>
    /// How the handler differs from what is stored, as the value of <c>Durable-Mismatch</c>; <see langword="null"/> where it does not.
    /// </summary>
    /// <param name="finished">Whether the handler has asked for all that it ever will.</param>
    public string? Mismatches(bool finished)
    {
        var items = new List<string>();
        var length = 0;
        var all = All;
        lock (_gate)
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

                // A header that is too long would cost the answer; that there is a difference is said by the first ones.
                if ((length += item.Length + 2) > MaxMismatchChars) break;
                items.Add(item);
            }
        }

        return items.Count == 0 ? null : string.Join(", ", items);
    }

    /// <summary>A callback that is complete is not handed out again.</summary>
    private bool IsOptional(string id, Dictionary<string, StepOutcome> all)
    {
        if (_optional.Contains(id) || id == StepNames.RollbackBegun) return true;
        if (StepNames.CallbackOf(id) is not { } callback) return false;
        return (_asked.TryGetValue(callback, out var asked) && asked == StepTypes.Callback)
            || (all.TryGetValue(callback, out var stored) && stored.Type == StepTypes.Callback);
    }
}
