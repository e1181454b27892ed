using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace DurableGateway.Client.Tests.Support;

/// <summary>An outcome, or a step that is pending.</summary>
internal sealed record Row(string Type, bool Failed, string ContentType, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);
}

/// <summary>A run behind a fake gateway, which keeps the outcomes between attempts, as a real one does.</summary>
internal sealed class FakeRun
{
    public const string CallbackUrl = "https://gw.example/_durable/v1/callbacks/c4p4b1l1ty";
    public const string Timeout = """{"type":"/_durable/problems/step-timeout","title":"The step timed out","status":504}""";
    public const string Interrupted = """{"type":"/_durable/problems/step-interrupted","title":"The step was interrupted","status":500}""";

    private readonly ConcurrentDictionary<string, int> _tries = new();
    private readonly List<(string Step, Row Row)> _stored = [];
    private readonly Dictionary<string, int> _started = [];
    private int _attempt;

    public FakeRun() => Gateway = FakeGateway.With(Answer);

    public FakeGateway Gateway { get; }

    /// <summary>The maximum number of tries of a step without options.</summary>
    public int MaxAttempts { get; init; } = 3;

    /// <summary>Answers a call instead of the gateway.</summary>
    public Func<Call, Answer?> Instead { get; set; } = _ => null;

    public IEnumerable<string> Stored => _stored.Select(row => row.Step);

    public Row this[string step] => _stored.Single(row => row.Step == step).Row;

    /// <summary>Completes a step that waits.</summary>
    public void Complete(string step, string type, string body, string contentType = "application/json") =>
        _stored.Add((step, new Row(type, false, contentType, Encoding.UTF8.GetBytes(body))));

    /// <summary>Fails a step that waits.</summary>
    public void Fail(string step, string type, string problem) =>
        _stored.Add((step, new Row(type, true, "application/problem+json", Encoding.UTF8.GetBytes(problem))));

    /// <summary>Executes the handler as the next attempt.</summary>
    public async Task<AttemptVerdict> AttemptAsync(
        Func<IStep, Task> handler, bool isLast = false, bool inlined = true, DurableStepsOptions? options = null,
        CancellationToken aborted = default)
    {
        var steps = string.Join(", ", _stored.Select(Inline));
        var headers = FakeGateway.Headers(inlined && steps.Length > 0 ? steps : null, _stored.Count, attempt: ++_attempt);
        if (isLast) headers["Durable-Final-Attempt"] = "?1";
        using var attempt = Gateway.Begin(headers, options, aborted);
        return await attempt.RunAsync(_ => handler(attempt.Step)).WaitAsync(TimeSpan.FromSeconds(60), CancellationToken.None);
    }

    private static string Inline((string Step, Row Row) row) =>
        $"\"{row.Step.Replace("\\", "\\\\").Replace("\"", "\\\"")}\";"
        + $"{(row.Row.Failed ? "err" : "ok")}=:{Convert.ToBase64String(row.Row.Body)}:"
        + (row.Row.ContentType is "application/json" or "application/problem+json" ? "" : $";ct=\"{row.Row.ContentType}\"")
        + (row.Row.Type == "run" ? "" : $";t={row.Row.Type}");

    private Answer Answer(Call call)
    {
        if (Instead(call) is { } instead) return instead;
        if (call.Method == "POST") return new Answer(202, """{"woken":2}""");
        if (call.Method == "GET")
        {
            return new Answer(200, System.Text.Json.JsonSerializer.Serialize(_stored.Select(row => new
            {
                id = row.Step,
                type = row.Row.Type,
                outcome = row.Row.Failed ? "failed" : "completed",
                contentType = row.Row.ContentType,
                body = row.Row.Body,
            })));
        }

        var step = Uri.UnescapeDataString(call.Step);
        var type = call["Durable-Step-Type"] ?? "run";
        lock (_stored)
        {
            if (_stored.Any(row => row.Step == step)) return Already(this[step]);
            if (type != "run")
                return new Answer(202, Headers: [("Retry-After", "60"),
                    .. type == "callback" ? new[] { ("Durable-Callback-Url", CallbackUrl) } : []]);
            var outcome = call["Durable-Step-Outcome"];
            if (outcome == "started") return Started(step);
            var failed = outcome == "failed";
            if (failed && call["Durable-Retry"] != "?0" && _tries.AddOrUpdate(step, 1, (_, tries) => tries + 1) < MaxOf(call))
                return Support.Answer.Later;
            _stored.Add((step, new Row(type, failed, call["Content-Type"]!, call.Body)));
            return Support.Answer.Stored;
        }
    }

    private Answer Started(string step)
    {
        if (_started.TryAdd(step, _attempt) || _started[step] == _attempt) return Support.Answer.Stored;
        Fail(step, "run", Interrupted);
        return Already(this[step]);
    }

    private static Answer Already(Row row) =>
        row.Failed ? Support.Answer.AlreadyFailed(row.Text) : Support.Answer.Already(row.Text, row.ContentType);

    private int MaxOf(Call call) =>
        call["Durable-Step-Retry"]?.Split(',').Select(member => member.Trim().Split('=')).FirstOrDefault(member =>
            member[0] == "max-attempts") is { } member
            ? int.Parse(member[1], CultureInfo.InvariantCulture)
            : MaxAttempts;
}
