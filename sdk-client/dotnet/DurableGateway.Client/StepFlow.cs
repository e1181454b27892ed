using System.Threading;

namespace DurableGateway.Client;

/// <summary>
/// A step in the order in which the handler's code started it. Each branch of the handler has its own chain, because context that an async
/// method sets does not flow to its caller.
/// </summary>
internal sealed class StepFlow
{
    private static readonly AsyncLocal<StepFlow?> Current = new();

    private readonly object _owner;
    private readonly StepFlow? _before;
    private readonly int _depth;
    private readonly long _turn;

    private StepFlow(object owner, StepFlow? before, long turn)
    {
        _owner = owner;
        _before = before;
        _depth = before is null ? 0 : before._depth + 1;
        _turn = turn;
    }

    /// <summary>Records the start of a step. Call it in the context of the handler's code, not in an async method of the SDK.</summary>
    /// <param name="owner">The attempt. A context may outlive an attempt, or belong to two.</param>
    /// <param name="turn">A number that increases with each step of the attempt.</param>
    public static StepFlow Continue(object owner, long turn)
    {
        var before = Current.Value is { } current && current._owner == owner ? current : null;
        var next = new StepFlow(owner, before, turn);
        Current.Value = next;
        return next;
    }

    /// <summary>
    /// Whether an earlier step could also start after this one: they belong to different branches, and this step's branch had already
    /// executed a step when the earlier one started.
    /// </summary>
    /// <remarks>
    /// Methods that are called in sequence are branches too, but the later one has no step yet when the earlier one starts its own.
    /// </remarks>
    public bool MightPrecede(StepFlow earlier)
    {
        StepFlow? mine = this, theirs = earlier, branch = this;
        while (mine!._depth > theirs!._depth)
        {
            branch = mine;
            mine = mine._before;
        }

        while (theirs!._depth > mine._depth) theirs = theirs._before;
        while (mine != theirs)
        {
            branch = mine;
            mine = mine!._before;
            theirs = theirs!._before;
        }

        return branch != this && branch!._turn < earlier._turn;
    }
}
