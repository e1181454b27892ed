using DurableGateway.Admin;
using DurableGateway.Dashboard.Tests.Support;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Dashboard.Tests;

/// <summary>What the waterfall draws, computed from the histories of runs.</summary>
public sealed class TimelineTests
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>The run ended, and an operator made it continue twenty minutes later.</summary>
    [Fact]
    public void RunThatWentOnAfterItsEnd_IsNotQueuedMeanwhile_AndTookOnlyItsOwnTime()
    {
        HistoryEntry[] history =
        [
            Entry(1, 0, HistoryKind.AttemptBegan, 1, "node"),
            Entry(2, 2, HistoryKind.StepCompleted, 1, "pay"),
            Entry(3, 3, HistoryKind.Ended, 1, "failed status 500"),
            Entry(4, 1203, HistoryKind.Operator, 2, "run-from-step pay by key 1"),
            Entry(5, 1204, HistoryKind.AttemptBegan, 3, "node"),
            Entry(6, 1206, HistoryKind.StepCompleted, 3, "pay"),
            Entry(7, 1207, HistoryKind.Ended, 3, "completed status 200"),
        ];
        var run = Run(history, RunState.Completed, 1207, new StepOutcome
        {
            Id = "pay",
            Failed = false,
            ContentType = "application/json",
            Body = "1"u8.ToArray(),
            Attempt = 3,
            StartedAt = Start.AddSeconds(1205),
            EndedAt = Start.AddSeconds(1206),
        });

        var timeline = new Timeline(run, Start.AddSeconds(2000), 0);

        Assert.Equal([(Phase.Queued, 1203, 1204), (Phase.Executing, 1204, 1207)], Seconds(timeline.Attempts[1].Segments));
        Assert.Equal([(Phase.Executing, 1205, 1206)], Seconds(timeline.Steps(0, 1).Single().Segments));
        Assert.Equal(TimeSpan.FromMinutes(20), timeline.Idle);
    }

    [Fact]
    public void FailedTry_TookWhatTheServiceSaid()
    {
        HistoryEntry[] history =
        [
            Entry(1, 0, HistoryKind.AttemptBegan, 1, "node"),
            Entry(2, 5, HistoryKind.StepTryFailed, 1, "pay", until: 15) with
            {
                Failure = new FailureText("busy", Took: TimeSpan.FromSeconds(2)),
            },
            Entry(3, 6, HistoryKind.Suspended, 1, "", until: 15),
            Entry(4, 16, HistoryKind.AttemptBegan, 2, "node"),
            Entry(5, 20, HistoryKind.StepCompleted, 2, "pay"),
            Entry(6, 21, HistoryKind.Ended, 2, "completed status 200"),
        ];
        var run = Run(history, RunState.Completed, 21, new StepOutcome
        {
            Id = "pay",
            Failed = false,
            ContentType = "application/json",
            Body = "1"u8.ToArray(),
            Attempt = 2,
            StartedAt = Start.AddSeconds(19),
            EndedAt = Start.AddSeconds(20),
        });

        Assert.Equal(
            [(Phase.Executing, 3, 5), (Phase.Waiting, 5, 15), (Phase.Queued, 15, 16), (Phase.Executing, 19, 20)],
            Seconds(new Timeline(run, Start.AddSeconds(30), 0).Steps(0, 1).Single().Segments));
    }

    [Fact]
    public void RunThatWaits_IsDrawnWaitingAfterItsLastAttempt_ThenQueued()
    {
        HistoryEntry[] history =
        [
            Entry(1, 0, HistoryKind.AttemptBegan, 1, "node"),
            Entry(2, 5, HistoryKind.AttemptFailed, 1, "status 503", until: 15),
        ];
        var run = Run(history, RunState.Waiting, null);
        run = run with { Run = run.Run with { NextAttemptAt = Start.AddSeconds(15) } };

        Assert.Equal([(Phase.Executing, 0, 5), (Phase.Waiting, 5, 12)], Seconds(Last(12)));
        Assert.Equal([(Phase.Executing, 0, 5), (Phase.Waiting, 5, 15), (Phase.Queued, 15, 18)], Seconds(Last(18)));
        run = run with { Run = run.Run with { Paused = true } };
        Assert.Equal([(Phase.Executing, 0, 5), (Phase.Waiting, 5, 18)], Seconds(Last(18)));

        IReadOnlyList<Segment> Last(int now) => new Timeline(run, Start.AddSeconds(now), 0).Attempts[^1].Segments;
    }

    [Fact]
    public void RunThatAnOperatorMadeDue_IsQueuedFromThen()
    {
        HistoryEntry[] history =
        [
            Entry(1, 0, HistoryKind.AttemptBegan, 1, "node"),
            Entry(2, 5, HistoryKind.AttemptFailed, 1, "status 503", until: 500),
            Entry(3, 60, HistoryKind.Operator, 1, "retry by key 1"),
            Entry(4, 61, HistoryKind.AttemptBegan, 2, "node"),
            Entry(5, 62, HistoryKind.Ended, 2, "completed status 200"),
        ];
        var timeline = new Timeline(Run(history, RunState.Completed, 62), Start.AddSeconds(70), 0);

        Assert.Equal([(Phase.Waiting, 5, 60), (Phase.Queued, 60, 61), (Phase.Executing, 61, 62)], Seconds(timeline.Attempts[1].Segments));
    }

    [Fact]
    public void EditedStep_NamesTheOperator()
    {
        HistoryEntry[] history =
        [
            Entry(1, 0, HistoryKind.AttemptBegan, 1, "node"),
            Entry(2, 2, HistoryKind.StepFailed, 1, "pay by card"),
            Entry(3, 3, HistoryKind.Ended, 1, "failed status 500"),
            Entry(4, 60, HistoryKind.Operator, 2, "edit-step pay by card by dashboard, key 1a2b"),
        ];
        var run = Run(history, RunState.Waiting, null, new StepOutcome
        {
            Id = "pay by card",
            Failed = false,
            ContentType = "application/json",
            Body = "1"u8.ToArray(),
            Attempt = 1,
            StartedAt = Start.AddSeconds(1),
            EndedAt = Start.AddSeconds(2),
        });

        Assert.Equal((Start.AddSeconds(60), "dashboard, key 1a2b"), run.Steps[0].Edit);
    }

    private static RunDetail Run(HistoryEntry[] history, RunState state, int? ended, params StepOutcome[] outcomes)
    {
        var sample = Samples.Rich();
        var record = new RunRecord
        {
            Id = sample.Run.Id,
            Route = "orders",
            Method = "POST",
            Path = "/",
            State = state,
            Paused = false,
            Attempt = history[^1].Attempt,
            StartedAt = Start,
            EndedAt = ended is { } seconds ? Start.AddSeconds(seconds) : null,
            NextAttemptAt = null,
            CompletedSteps = 0,
            FailedSteps = 0,
            PendingSteps = 0,
            Note = default,
            Mismatches = 0,
            HasIdempotencyKey = false,
        };
        return sample with
        {
            Run = RunViewMapper.Row(record),
            History = history,
            Attempts = RunViewMapper.Attempts(history, record),
            Steps = [.. RunViewMapper.Steps([.. outcomes.Select(one => new StepRecord(one.Id, 'C', "", null, one))], history)],
        };
    }

    private static HistoryEntry Entry(long number, int at, HistoryKind kind, int attempt, string text, int? until = null) =>
        new(number, Start.AddSeconds(at), kind, attempt, until is { } seconds ? Start.AddSeconds(seconds) : null, text);

    private static IEnumerable<(Phase, int, int)> Seconds(IEnumerable<Segment> segments) =>
        segments.Select(one => (one.Phase, (int)(one.From - Start).TotalSeconds, (int)(one.To - Start).TotalSeconds));
}
