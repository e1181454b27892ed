using System.Text.Json.Nodes;

namespace DurableGateway.Client.Conformance;

/// <summary>The actions of a step's body before it returns its result.</summary>
internal sealed class StepBody(Journal journal, string id)
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    public async Task ExecuteAsync(string name, JsonObject op, CancellationToken token)
    {
        var tries = journal.Write(id, "step", name);
        if (op["exit"] is JsonObject exit && tries <= (int)exit["times"]!) Crash.Now();
        if (op["ms"] is { } time) await Task.Delay((int)time, token);
        if ((string?)op["after"] is { } other) await AfterAsync(other, token);
        if ((bool?)op["hold"] == true) await HoldAsync(name, token);
        if (op["fail"] is JsonObject failure && tries <= ((int?)failure["times"] ?? int.MaxValue)) throw Failures.Of(failure);
    }

    private async Task AfterAsync(string other, CancellationToken token)
    {
        for (var waited = TimeSpan.Zero; waited < LongestWait && journal.CountOf(id, "step", other) == 0; waited += Poll)
            await Task.Delay(Poll, token);
    }

    private async Task HoldAsync(string name, CancellationToken token)
    {
        try
        {
            await Task.Delay(LongestHold, token);
        }
        finally
        {
            if (token.IsCancellationRequested) journal.Write(id, "released", name);
        }
    }
}
