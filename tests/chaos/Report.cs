
namespace DurableGateway.Chaos;

/// <summary>The results of the run, in one table.</summary>
internal static class Report
{
    public static void Print(History history, Clients clients, Partner partner, Faults faults, List<string> violations, TimeSpan elapsed)
    {
        var runs = history.Runs.ToArray();
        var executed = history.Steps.Where(step => !step.Done).ToArray();
        Row("faults", faults.Counts.Values.Sum());
        foreach (var (fault, count) in faults.Counts.OrderBy(pair => pair.Key, StringComparer.Ordinal)) Row("  " + fault, count);
        Row("requests", clients.Requests);
        Row("  answered while the client waited", clients.Direct);
        Row("  promised by a redirect", runs.Count(run => run.Promised));
        Row("  not durable, store unavailable", clients.NotDurable);
        Row("  no connection, or cut before a promise", clients.Unanswered);
        Row("events accepted", clients.Events);
        Row("callbacks accepted", partner.Taken);
        Row("streams resumed", clients.Resumed);
        Row("results fetched", runs.Where(run => run.ResultUrl is not null).Sum(run => run.Answers.Count));
        Row("highest attempt of a run", history.Steps.Count == 0 ? 0 : history.Steps.Max(step => step.Attempt));
        Row("requests that reached the service", history.Sendings.Count);
        Row("steps executed", executed.Length);
        Row("steps stored", history.Steps.Count(step => step.Done));
        Row("calls that reached the downstream", history.Calls.Count);
        Row("  of no run, store unavailable", history.Calls.Count(call => call.Run == Service.NoRun));
        Row("  carried out", history.Calls.Count(call => call.IsCarriedOut));
        Row("  recognized by their key", history.Calls.Count(call => !call.IsCarriedOut));
        Row("  late, from a gateway that had been stopped", Checker.LateAfterPause(history));
        Row("checkouts completed", runs.Count(run => Service.KindOf(run.Request) == Kind.Calls && run.Answers.Count > 0));
        Row("seconds", (int)elapsed.TotalSeconds);
        Row("violations", violations.Count);
        foreach (var violation in violations.Take(20)) Console.WriteLine("  " + violation);
        Console.WriteLine(violations.Count == 0 && runs.Length > 0 && executed.Length > 0 && history.Calls.Count > 0
            ? "chaos: ran, and nothing was lost"
            : "chaos: FAILED");
    }

    private static void Row(string what, int value) => Console.WriteLine($"{what,-46}{value,10:N0}");
}
