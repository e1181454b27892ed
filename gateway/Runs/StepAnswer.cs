namespace DurableGateway.Runs;

internal readonly record struct StepAnswer(StepVerdict Verdict, StepOutcome? Outcome = null, int Tries = 0, DateTimeOffset Due = default);
