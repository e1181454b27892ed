using System.Text;
using DurableGateway.Admin;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard;

/// <summary>What can be done to a run from its page: which of it makes sense, how it is asked for, and what comes of the form.</summary>
internal static class RunActions
{
    public const string FromStep = "run-from-step";
    public const string Edit = "edit-step";

    /// <param name="Name">In the form.</param>
    /// <param name="Label">On the button.</param>
    /// <param name="Question">Before it is done.</param>
    /// <param name="Done">Afterwards.</param>
    /// <param name="IsGrave">Whether it cannot be taken back.</param>
    public sealed record Choice(string Name, string Label, string Question, string Done, bool IsGrave = false);

    private static readonly Choice Retry = new("retry", "Retry now", "The run does not wait for its next attempt: it is due at once.",
        "It is due now; the next attempt begins at once.");
    private static readonly Choice Cancel = new("cancel", "Cancel run",
        "The run ends as cancelled, and its client is told so. This cannot be taken back. Work that the service "
        + "has under way is not stopped.",
        "The run is cancelled.", IsGrave: true);

    private static readonly Choice Pause = new("pause", "Pause",
        "The run is not taken up again until it is resumed. An attempt in flight may end.", "The run is paused.");
    private static readonly Choice Resume = new("resume", "Resume", "The run goes on where it stands.", "The run goes on.");
    private static readonly Choice Again = new("run-again", "Run again",
        "The same request is sent again, as a new run. This one stays as it is.", "This is the new run, of the same request.");
    private static readonly Choice ReleaseKey = new("release-key", "Release key",
        "The run's idempotency key stands for it no longer: the next request with the key begins a new run. The result stays at its URL.",
        "The key is released: the next request with it begins a new run.", IsGrave: true);

    private static readonly Choice[] OfSteps =
    [
        new(FromStep, "Run from here", "", "The run goes on from that step."),
        new(Edit, "Edit outcome", "", "The run goes on with the edited outcome."),
    ];

    /// <summary>What can be done to all runs that filters match.</summary>
    private static readonly Choice[] OfSets =
    [
        Retry with { Question = "Waiting runs do not wait for their next attempt." },
        Pause with { Question = "Runs are not taken up again until they are resumed." },
        Resume with { Question = "Paused runs go on where they stand." },
        Again with { Name = "again", Question = "Each request is sent again, as a new run." },
        ReleaseKey with
        {
            Question = "Idempotency keys of runs that have ended stand for them no longer: the next request with "
                + "such a key begins a new run."
        },
        Cancel with { Label = "Cancel", Question = "Runs that have not ended end as cancelled. This cannot be taken back." },
    ];

    /// <summary>What makes sense for runs in a state; all of it where that is not said.</summary>
    public static IEnumerable<Choice> ForSet(string state) => !RunStates.TryParse(state, out var known) ? OfSets
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

    /// <summary>What to say after an action; <see langword="null"/> where that is none.</summary>
    public static string? DoneText(string? name) =>
        new[] { Retry, Cancel, Pause, Resume, Again, ReleaseKey }.Concat(OfSteps).FirstOrDefault(choice => choice.Name == name)?.Done;

    /// <returns><see langword="null"/> where the form asks for nothing that there is.</returns>
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
