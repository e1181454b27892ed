using System.Diagnostics;

namespace DurableGateway.Chaos;

/// <summary>Checks a history against the promises (§7). It knows only what clients and the service know.</summary>
internal static class Checker
{
    public static List<string> Check(History history)
    {
        var violations = new List<string>();
        foreach (var run in history.Runs) CheckRun(run, violations);
        CheckSteps(history.Steps, violations);
        CheckCalls(history, violations);
        foreach (var sending in history.Sendings.GroupBy(sending => (sending.Run, sending.Attempt)).Where(sendings => sendings.Count() > 1))
            violations.Add(
                $"attempt {sending.Key.Attempt} of run {sending.Key.Run} ({sending.First().Method}) was sent {sending.Count()} times");
        return violations;
    }

    /// <summary>
    /// Calls of superseded attempts that a gateway had let go when it was stopped. It cannot call them back when it goes on.
    /// </summary>
    public static int LateAfterPause(History history) => Superseded(history).Count(call => IsAfterPause(history, call));

    /// <summary>Proves that the check can fail: each of these histories breaks one promise, and the check must detect it.</summary>
    /// <exception cref="InvalidOperationException">The check did not detect one of them.</exception>
    public static void CheckItself()
    {
        Expect("a whole history", found: false,
            Runs(new ClientRun("r0") { Run = "1", Promised = true, Answers = { new(200, "r0:x"), new(200, "r0:x") } }),
            [new("1", "s", 1, false), new("1", "s", 1, true), new("1", "t", 2, false), new("1", "t", 2, true)]);
        Expect("a lost run", found: true, Runs(new ClientRun("r0") { Run = "1", Promised = true, Missing = "404" }), []);
        Expect("a run without an end", found: true, Runs(new ClientRun("r0") { Run = "1", Promised = true }), []);
        Expect("another's result", found: true, Runs(new ClientRun("r0") { Run = "1", Answers = { new(200, "r1:x") } }), []);
        Expect("a failure for a success", found: true,
            Runs(new ClientRun("r0") { Run = "1", Promised = true, Answers = { new(502, "r0:x") } }), []);
        Expect("a result that changed", found: true,
            Runs(new ClientRun("r0") { Run = "1", Answers = { new(200, "r0:x"), new(200, "r0:y") } }), []);
        Expect("a step that ran again", found: true, new History(),
            [new("1", "s", 1, false), new("1", "s", 1, true), new("1", "s", 2, false)]);
        Expect("attempts that were sent once", found: false,
            Sendings(new("1", 1, "GET", 1), new("1", 2, "GET", 2), new("2", 1, "GET", 3)), []);
        Expect("an attempt that was sent twice", found: true, Sendings(new("1", 1, "GET", 1), new("1", 1, "GET", 2)), []);
        Expect("a step that was stored twice", found: true, new History(), [new("1", "s", 1, true), new("1", "s", 2, true)]);
        CheckItselfOnCalls();
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

    /// <summary>Checks the calls through the egress listener.</summary>
    private static void CheckCalls(History history, List<string> violations)
    {
        // Without the store, a request belongs to no run, and so do its calls.
        foreach (var calls in history.Calls.Where(call => call.Run != Service.NoRun).GroupBy(call => (call.Run, call.Kind)))
        {
            var name = $"the {calls.Key.Kind} of run {calls.Key.Run}";
            if (calls.Count(call => call.IsCarriedOut) is > 1 and var count) violations.Add($"{name} was carried out {count} times");
            if (calls.Select(call => call.Key).Distinct().ToArray() is { Length: > 1 } keys)
                violations.Add($"{name} was made under the keys {string.Join(", ", keys)}");
        }

        var receipts = history.Calls.Where(call => call.IsCarriedOut).ToLookup(call => (call.Run, call.Kind), call => call.Receipt);
        foreach (var run in history.Runs.Where(run => run.Run is not null && Service.KindOf(run.Request) == Kind.Calls))
        {
            var due = $"{run.Request}:{string.Join('.', Downstream.Kinds.Select(kind => string.Join('+', receipts[(run.Run!, kind)])))}";
            foreach (var answer in run.Answers.Where(answer => answer.Status == 200 && answer.Body != due))
                violations.Add($"run {run.Run} was answered with '{answer.Body}', and the downstream has '{due}'");
        }

        foreach (var call in Superseded(history).Where(call => !IsAfterPause(history, call)))
            violations.Add($"the {call.Kind} of run {call.Run} was called by attempt {call.Attempt} after a later attempt had begun");
    }

    private static IEnumerable<CallEvent> Superseded(History history)
    {
        var sendings = history.Sendings.ToLookup(sending => sending.Run);
        return history.Calls.Where(call => sendings[call.Run].Any(sending => sending.Attempt > call.Attempt && sending.At < call.At));
    }

    private static bool IsAfterPause(History history, CallEvent call) =>
        history.Continuations.Any(at => call.At - at > -Stopwatch.Frequency / 10 && call.At - at < 2 * Stopwatch.Frequency);

    private static void CheckItselfOnCalls()
    {
        CallEvent charge = new("1", "charge", 1, "k1", "c", 10, true), label = new("1", "label", 1, "k2", "l", 11, true);
        CallEvent mail = new("1", "mail", 2, "k3", "m", 21, true);
        Sending[] attempts = [new("1", 1, "POST", 5), new("1", 2, "POST", 20)];
        Expect("a whole checkout", found: false, Checkout(attempts, charge, label, mail, mail with { At = 22, IsCarriedOut = false }), []);
        Expect("an effect that is missing", found: true, Checkout(attempts, charge, mail), []);
        Expect("an effect that happened twice", found: true, Checkout(attempts, charge, label, mail, label with { At = 23 }), []);
        Expect("a call under two keys", found: true,
            Checkout(attempts, charge, label, mail, label with { Key = "k4", IsCarriedOut = false }), []);
        Expect("a receipt of another effect", found: true, Checkout(attempts, charge, label with { Receipt = "x" }, mail), []);
        var late = Checkout(attempts, charge, label with { At = 25 }, mail);
        Expect("a call of a superseded attempt", found: true, late, []);
        late.Continuations.Enqueue(24);
        Expect("a call that a stopped gateway had begun", found: false, late, []);
    }

    private static History Checkout(Sending[] sendings, params CallEvent[] calls)
    {
        var history = Runs(new ClientRun($"r{(int)Kind.Calls}") { Run = "1", Answers = { new(200, $"r{(int)Kind.Calls}:c.l.m") } });
        history.Sendings.AddRange(sendings);
        history.Calls.AddRange(calls);
        return history;
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
