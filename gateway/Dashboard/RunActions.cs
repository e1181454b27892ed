using System.Text;
using DurableGateway.Admin;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>The actions on runs: which ones a state allows, their texts, and how a posted form is read.</summary>
internal static class RunActions
{
    public const string FromStep = "run-from-step";
    public const string Edit = "edit-step";

    /// <param name="Name">The value of the form field.</param>
    /// <param name="Label">The text of the button.</param>
    /// <param name="Question">The text of the confirmation.</param>
    /// <param name="Done">The message after the action.</param>
    /// <param name="IsGrave">Whether the action cannot be undone.</param>
    public sealed record Choice(string Name, string Label, string Question, string Done, bool IsGrave = false);

    private static readonly Choice Retry = new("retry", "Retry now", "The next attempt starts immediately, without the remaining delay.",
        "The run is due now. The next attempt starts immediately.");
    private static readonly Choice Cancel = new("cancel", "Cancel run",
        "The run ends as cancelled, and its client gets this result. You cannot undo this. The gateway does not stop work "
        + "that the service has started.",
        "The run is cancelled.", IsGrave: true);

    private static readonly Choice Pause = new("pause", "Pause",
        "The run gets no further attempt until you resume it. An attempt in flight can finish.", "The run is paused.");
    private static readonly Choice Resume = new("resume", "Resume", "The run continues from its current state.", "The run continues.");
    private static readonly Choice Again = new("run-again", "Run again",
        "The gateway sends the same request again as a new run. This run does not change.", "This is the new run for the same request.");
    private static readonly Choice ReleaseKey = new("release-key", "Release key",
        "The idempotency key no longer refers to this run: the next request with the key starts a new run. The result stays at its URL.",
        "The key is released. The next request with the key starts a new run.", IsGrave: true);

    private static readonly Choice[] OfSteps =
    [
        new(FromStep, "Run from here", "", "The run continues from that step."),
        new(Edit, "Edit outcome", "", "The run continues with the edited outcome."),
    ];

    /// <summary>The bulk actions.</summary>
    private static readonly Choice[] OfSets =
    [
        Retry with { Question = "The next attempt of each waiting run starts immediately." },
        Pause with { Question = "The runs get no further attempt until you resume them." },
        Resume with { Question = "Paused runs continue from their current state." },
        Again with { Name = "again", Question = "The gateway sends each request again as a new run." },
        ReleaseKey with
        {
            Question = "The idempotency keys no longer refer to the ended runs: the next request with such a key starts a new run."
        },
        Cancel with { Label = "Cancel", Question = "Runs that have not ended end as cancelled. You cannot undo this." },
    ];

    /// <summary>The bulk actions that a state allows; all of them if <paramref name="state"/> is not a state.</summary>
    public static IEnumerable<Choice> ForSet(string state) => state == AdminQuery.PausedName
        ? OfSets.Where(choice => choice.Name is "resume" or "again" or "cancel")
        : !RunStates.TryParse(state, out var known) ? OfSets
        : known.HasEnded() ? OfSets.Where(choice => choice.Name is "again" or "release-key")
        : OfSets.Where(choice => choice.Name != "release-key" && (known == RunState.Waiting || choice.Name != "retry"));

    public static string LabelOf(string verb) => OfSets.FirstOrDefault(choice => choice.Name == verb)?.Label ?? verb;

    public static IEnumerable<Choice> For(RunRow run)
    {
        if (!run.State.HasEnded())
        {
            if (run.Paused) yield return Resume;
            else
            {
                if (run.State == RunState.Waiting) yield return Retry;
                yield return Pause;
            }
        }

        yield return Again;
        if (run.State.HasEnded() && run.HasIdempotencyKey) yield return ReleaseKey;
        if (!run.State.HasEnded()) yield return Cancel;
    }

    /// <summary>Steps of a run in flight are the service's; before they can be changed it has to be parked.</summary>
    public static bool CanChangeSteps(RunRow run) => run.State != RunState.Running;

    /// <summary>The message after an action; <see langword="null"/> if there is no such action.</summary>
    public static string? DoneText(string? name) =>
        new[] { Retry, Cancel, Pause, Resume, Again, ReleaseKey }.Concat(OfSteps).FirstOrDefault(choice => choice.Name == name)?.Done;

    /// <returns><see langword="null"/> if the form names no known action.</returns>
    public static RunAction? Read(IFormCollection form)
    {
        var step = form["step"].ToString();
        return form["action"].ToString() switch
        {
            "retry" => new RunAction.Retry(),
            "cancel" => new RunAction.Cancel(),
            "pause" => new RunAction.Pause(),
            "resume" => new RunAction.Resume(),
            "run-again" => new RunAction.RunAgain(),
            "release-key" => new RunAction.ReleaseKey(),
            FromStep when step.Length > 0 => new RunAction.RunFromStep(step),
            Edit when step.Length > 0 => new RunAction.EditStep(step, form["outcome"] == "failed", ContentType(form),
                Encoding.UTF8.GetBytes(form["body"].ToString())),
            _ => null,
        };
    }

    private static string ContentType(IFormCollection form) =>
        form["contentType"].ToString().Trim() is { Length: > 0 } type ? type : "application/json";
}
