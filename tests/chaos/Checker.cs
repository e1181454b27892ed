
namespace DurableGateway.Chaos;

/// <summary>Checks a history against the promises (§7). It knows only what clients and the service know.</summary>
internal static class Checker
{
    public static List<string> Check(History history)
    {
        var violations = new List<string>();
        foreach (var run in history.Runs) CheckRun(run, violations);
        CheckSteps(history.Steps, violations);
        foreach (var sending in history.Sendings.GroupBy(sending => (sending.Run, sending.Attempt)).Where(sendings => sendings.Count() > 1))
            violations.Add(
                $"attempt {sending.Key.Attempt} of run {sending.Key.Run} ({sending.First().Method}) was sent {sending.Count()} times");
        return violations;
    }

    /// <summary>Proves that the check can fail: each of these histories breaks one promise, and the check must detect it.</summary>
    /// <exception cref="InvalidOperationException">The check did not detect one of them.</exception>
    public static void CheckItself()
    {
        Expect("a whole history", found: false,
            Runs(new ClientRun("a") { Run = "1", Promised = true, Answers = { new(200, "a:x"), new(200, "a:x") } }),
            [new("1", "s", 1, false), new("1", "s", 1, true), new("1", "t", 2, false), new("1", "t", 2, true)]);
        Expect("a lost run", found: true, Runs(new ClientRun("a") { Run = "1", Promised = true, Missing = "404" }), []);
        Expect("a run without an end", found: true, Runs(new ClientRun("a") { Run = "1", Promised = true }), []);
        Expect("another's result", found: true, Runs(new ClientRun("a") { Run = "1", Answers = { new(200, "b:x") } }), []);
        Expect("a failure for a success", found: true,
            Runs(new ClientRun("a") { Run = "1", Promised = true, Answers = { new(502, "a:x") } }), []);
        Expect("a result that changed", found: true,
            Runs(new ClientRun("a") { Run = "1", Answers = { new(200, "a:x"), new(200, "a:y") } }), []);
        Expect("a step that ran again", found: true, new History(),
            [new("1", "s", 1, false), new("1", "s", 1, true), new("1", "s", 2, false)]);
        Expect("attempts that were sent once", found: false, Sendings(new("1", 1, "GET"), new("1", 2, "GET"), new("2", 1, "GET")), []);
        Expect("an attempt that was sent twice", found: true, Sendings(new("1", 1, "GET"), new("1", 1, "GET")), []);
        Expect("a step that was stored twice", found: true, new History(), [new("1", "s", 1, true), new("1", "s", 2, true)]);
    }

    private static void CheckRun(ClientRun run, List<string> violations)
    {
        var name = $"run {run.Run} of request {run.Request}";
        if (run.Promised && run.Answers.Count == 0) violations.Add($"{name} was promised and has no result ({run.Missing ?? "no end"})");
        foreach (var answer in run.Answers)
        {
            if (answer.Status != 200) violations.Add($"{name} ended with status {answer.Status}");
            else if (!answer.Body.StartsWith(run.Request + ":", StringComparison.Ordinal))
                violations.Add($"{name} was answered with '{answer.Body}'");
        }

        if (run.Answers.Distinct().Count() > 1) violations.Add($"{name} has several results: {string.Join(" | ", run.Answers.Distinct())}");
    }

    private static void CheckSteps(List<StepEvent> events, List<string> violations)
    {
        var stored = new Dictionary<(string, string), int>();
        foreach (var step in events)
        {
            var key = (step.Run, step.Step);
            if (stored.TryGetValue(key, out var attempt) && step.Attempt > attempt)
                violations.Add($"step {step.Step} of run {step.Run} was {(step.Done ? "stored" : "executed")} again in "
                    + $"attempt {step.Attempt}; its checkpoint of attempt {attempt} had been answered 201");
            if (step.Done) stored.TryAdd(key, step.Attempt);
        }
    }

    private static History Runs(ClientRun run)
    {
        var history = new History();
        history.Runs.Enqueue(run);
        return history;
    }

    private static History Sendings(params Sending[] sendings)
    {
        var history = new History();
        history.Sendings.AddRange(sendings);
        return history;
    }

    private static void Expect(string what, bool found, History history, StepEvent[] steps)
    {
        history.Steps.AddRange(steps);
        if (Check(history).Count > 0 != found) throw new InvalidOperationException($"The checker is wrong about {what}.");
    }
}
