using System.Collections.Concurrent;
using System.Globalization;
using DurableGateway.Admin;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard.Tests.Support;

/// <summary>Runs in memory. A test adds them, and the fake records the actions on them.</summary>
internal sealed class FakeRunAdmin : IRunAdmin
{
    private readonly ConcurrentDictionary<RunId, RunDetail> _runs = new();

    public Overview Overview { get; set; } = new([], 0, null);

    /// <summary>The recorded actions and their operators, oldest first.</summary>
    public ConcurrentQueue<(RunId Run, RunAction Action, string Who)> Actions { get; } = new();

    /// <summary>The problem that refuses the next action.</summary>
    public string? Forbids { get; set; }

    /// <summary>If set, each action waits for it.</summary>
    public SemaphoreSlim? Hold { get; set; }

    public IEnumerable<RunDetail> Runs => _runs.Values;

    /// <summary>If set, every call throws it.</summary>
    public Exception? Fails { get; set; }

    public RunDetail this[RunId id] => _runs[id];

    public RunDetail Put(RunDetail run) => _runs[run.Run.Id] = run;

    public void Change(RunId id, Func<RunRow, RunRow> change) => _runs[id] = _runs[id] with { Run = change(_runs[id].Run) };

    public Task<RunPage> ListAsync(RunQuery query, CancellationToken cancellation = default)
    {
        if (Fails is not null) throw Fails;
        var from = query.Cursor is null ? 0 : int.Parse(query.Cursor, NumberStyles.None, CultureInfo.InvariantCulture);
        var found = _runs.Values
            .Where(run => query.State is null || run.Run.State == query.State)
            .Where(run => !query.Paused || (run.Run.Paused && !run.Run.State.HasEnded()))
            .Where(run => query.Route is null || run.Run.Route == query.Route)
            .Where(run => query.After is null || run.Run.StartedAt >= query.After)
            .Where(run => query.Before is null || run.Run.StartedAt < query.Before)
            .Where(run => query.Step is null || run.Steps.Any(step => step.Id == query.Step))
            .Where(run => query.Search is null || run.Run.Id.ToString() == query.Search)
            .Select(run => run.Run).OrderByDescending(run => run.StartedAt).Skip(from).Take(query.Limit + 1).ToList();
        var next = found.Count > query.Limit ? (from + query.Limit).ToString(CultureInfo.InvariantCulture) : null;
        return Task.FromResult(new RunPage([.. found.Take(query.Limit)], next));
    }

    public Task<RunDetail?> GetAsync(RunId run, CancellationToken cancellation = default) =>
        Fails is null ? Task.FromResult(_runs.GetValueOrDefault(run)) : throw Fails;

    public Task<Overview> GetOverviewAsync(CancellationToken cancellation = default) =>
        Fails is null ? Task.FromResult(Overview) : throw Fails;

    public async Task<ActionResult> ActAsync(RunId run, RunAction action, string who, CancellationToken cancellation = default)
    {
        if (Forbids is not null) return new ActionResult(false, Forbids);
        if (Hold is not null) await Hold.WaitAsync(cancellation);
        Actions.Enqueue((run, action, who));
        if (action is RunAction.RunAgain)
        {
            var again = Put(_runs[run] with
            {
                Run = _runs[run].Run with { Id = RunId.New(_runs[run].Run.StartedAt.AddSeconds(1)), State = RunState.Running }
            });
            return new ActionResult(true, NewRun: again.Run.Id);
        }

        Change(run, row => action switch
        {
            RunAction.Pause => row with { Paused = true },
            RunAction.Resume => row with { Paused = false },
            RunAction.Cancel => row with { State = RunState.Cancelled, EndedAt = row.StartedAt.AddSeconds(9) },
            _ => row,
        });
        return new ActionResult(true);
    }
}
