using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DurableGateway.Conformance;

/// <summary>A call of an SDK.</summary>
internal sealed record Call(string Method, string? Step, string At, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public bool Is(string pattern) => pattern == "*" || pattern == Method || (Step is not null && pattern == $"{Method} {Step}");

    /// <summary>The form of the call in scenarios.</summary>
    public JsonObject ToJson() => new()
    {
        ["method"] = Method,
        ["step"] = Step,
        ["at"] = At,
        ["outcome"] = Headers.GetValueOrDefault("durable-step-outcome", "completed"),
        ["type"] = Headers.GetValueOrDefault("durable-step-type", "run"),
        ["retry"] = Headers.GetValueOrDefault("durable-retry"),
        ["headers"] = new JsonObject(Headers.Select(header => KeyValuePair.Create(header.Key, (JsonNode?)header.Value))),
        ["body"] = Parse(Body),
        ["bytes"] = Convert.ToBase64String(Body.AsSpan(0, Math.Min(Body.Length, 256))),
    };

    public static JsonNode? Parse(byte[] body)
    {
        try
        {
            return body.Length == 0 ? null : JsonNode.Parse(body);
        }
        catch (JsonException)
        {
            return Encoding.UTF8.GetString(body);
        }
    }
}

internal sealed record Answer(int Status, byte[] Body, string ContentType, params (string Name, string Value)[] Headers)
{
    public static Answer Empty(int status, params (string, string)[] headers) => new(status, [], "application/json", headers);
}

/// <summary>
/// A run at the scripted gateway. Without other rules, it keeps outcomes between attempts, as a gateway does.
/// </summary>
internal sealed class ScriptedRun
{
    /// <summary>The maximum number of tries of a step without options.</summary>
    private const int MaxAttempts = 3;

    private readonly Lock _lock = new();
    private readonly List<(string Id, string Type, bool Failed, string ContentType, byte[] Body)> _stored = [];
    private readonly Dictionary<string, int> _index = [];
    private readonly Dictionary<string, int> _tries = [];
    private readonly Dictionary<string, (int Attempt, string? Execution)> _started = [];
    private readonly Dictionary<AnswerRule, int> _used = [];
    private readonly List<Call> _calls = [];
    private readonly List<(string Pattern, TaskCompletionSource Come)> _awaited = [];
    private AttemptScript? _script;

    public string Id { get; } = Guid.CreateVersion7().ToString();

    public string Token { get; private set; } = "";

    public int Attempt { get; private set; }

    public IReadOnlyList<Call> Calls
    {
        get
        {
            lock (_lock) return [.. _calls];
        }
    }

    /// <summary>Begins the next attempt.</summary>
    /// <returns>The headers of the request.</returns>
    public IReadOnlyDictionary<string, string> Begin(AttemptScript script, Func<string, string> addressOf)
    {
        lock (_lock)
        {
            _script = script;
            _calls.Clear();
            _used.Clear();
            Attempt++;
            Token = $"token-{Attempt}-{Id}";
            foreach (var step in script.Stored) Add(step);
            var headers = new Dictionary<string, string?>
            {
                ["Durable-Protocol"] = "1",
                ["Durable-Run-Id"] = Id,
                ["Durable-Attempt"] = Attempt.ToString(CultureInfo.InvariantCulture),
                ["Durable-Callback"] = string.Join(", ", script.Callback.Select(name => $"{addressOf(name)}/_durable/v1/runs/{Id}")),
                ["Durable-Token"] = Token,
                ["Durable-Step-Count"] = _stored.Count == 0 ? null : _stored.Count.ToString(CultureInfo.InvariantCulture),
            };
            var inlined = string.Join(", ", _stored.Where(row => row.Id.All(c => c is >= ' ' and <= '~')).Select(Inline));
            if (script.Inline && inlined.Length > 0) headers["Durable-Steps"] = inlined;
            foreach (var (name, value) in script.Headers) headers[name] = value;
            return headers.Where(header => header.Value is not null).ToDictionary(header => header.Key, header => header.Value!);
        }
    }

    /// <summary>Answers a call.</summary>
    /// <returns>The answer; <see langword="null"/> if the connection is cut.</returns>
    public async Task<Answer?> AnswerAsync(Call call, CancellationToken cancellationToken)
    {
        AnswerRule? rule;
        TaskCompletionSource? come = null;
        lock (_lock)
        {
            _calls.Add(call);
            foreach (var (pattern, awaited) in _awaited)
            {
                if (call.Is(pattern)) awaited.TrySetResult();
            }

            rule = _script?.Answers.FirstOrDefault(one => call.Is(one.On) && (one.At is null || one.At == call.At)
                && _used.GetValueOrDefault(one) < (one.Times ?? int.MaxValue));
            if (rule is not null) _used[rule] = _used.GetValueOrDefault(rule) + 1;
            if (rule?.WaitFor is { } other && !_calls.Any(one => one.Is(other)))
            {
                come = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _awaited.Add((other, come));
            }
        }

        if (come is not null) await come.Task.WaitAsync(TimeSpan.FromSeconds(8), cancellationToken);
        if (rule?.Hang == true)
        {
            try
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return null;
            }
        }

        if (rule?.Cut == "before") return null;
        if (rule?.Status is { } status)
        {
            var headers = rule.Headers.Select(header => (header.Key, header.Value)).ToArray();
            if (rule.Problem is { } problem)
            {
                var body = new JsonObject
                {
                    ["type"] = "/_durable/problems/" + problem,
                    ["title"] = problem,
                    ["status"] = status,
                    ["runId"] = Id,
                    ["source"] = "gateway",
                };
                return new Answer(status, Encoding.UTF8.GetBytes(body.ToJsonString()), "application/problem+json", headers);
            }

            var bytes = rule.Body is null ? [] : Encoding.UTF8.GetBytes(rule.Body.ToJsonString());
            return new Answer(status, bytes, "application/json", headers);
        }

        Answer answer;
        lock (_lock) answer = Usual(call);
        return rule?.Cut == "after" ? null : answer;
    }

    private Answer Usual(Call call)
    {
        if (call.Headers.GetValueOrDefault("durable-token") != Token) return Answer.Empty(401);
        if (call.Method == "POST") return new Answer(202, """{"woken":1}"""u8.ToArray(), "application/json");
        if (call.Method == "GET") return new Answer(200, JsonSerializer.SerializeToUtf8Bytes(_stored.Select(row => new
        {
            id = row.Id,
            type = row.Type,
            outcome = row.Failed ? "failed" : "completed",
            contentType = row.ContentType,
            body = row.Body,
            attempt = 1,
            startedAt = "2026-11-23T03:36:16.157+00:00",
            endedAt = "2026-11-23T03:36:16.157+00:00",
        })), "application/json");
        if (call.Method != "PUT" || call.Step is null) return Answer.Empty(404);
        if (_index.TryGetValue(call.Step, out var at)) return AlreadyThere(at);

        var type = call.Headers.GetValueOrDefault("durable-step-type", "run");
        if (type == "callback")
        {
            var url = $"http://gateway.example/_durable/v1/callbacks/{Id}-{Uri.EscapeDataString(call.Step)}";
            return Answer.Empty(202, ("Durable-Callback-Url", url));
        }

        if (type != "run") return Answer.Empty(202, ("Retry-After", "3600"));
        var outcome = call.Headers.GetValueOrDefault("durable-step-outcome", "completed");
        if (outcome == "started") return Started(call);
        if (outcome == "failed" && call.Headers.GetValueOrDefault("durable-retry") != "?0")
        {
            var tries = _tries[call.Step] = _tries.GetValueOrDefault(call.Step) + 1;
            if (tries < MaxAttempts) return Answer.Empty(202, ("Retry-After", "1"));
        }

        var isFailure = outcome == "failed";
        var usual = isFailure ? "application/problem+json" : "application/json";
        Add(call.Step, "run", isFailure, call.Headers.GetValueOrDefault("content-type", usual), call.Body);
        return Answer.Empty(201);
    }

    private Answer Started(Call call)
    {
        var execution = call.Headers.GetValueOrDefault("durable-execution");
        if (_started.TryAdd(call.Step!, (Attempt, execution)) || _started[call.Step!] == (Attempt, execution)) return Answer.Empty(201);
        var problem = """{"type":"/_durable/problems/step-interrupted","title":"The step was interrupted","status":500}"""u8.ToArray();
        Add(call.Step!, "run", failed: true, "application/problem+json", problem);
        return AlreadyThere(_index[call.Step!]);
    }

    private Answer AlreadyThere(int at)
    {
        var row = _stored[at];
        return new Answer(200, row.Body, row.ContentType, ("Durable-Step-Outcome", row.Failed ? "failed" : "completed"));
    }

    private void Add(StoredStep step)
    {
        var contentType = step.ContentType
            ?? (step.Failed ? "application/problem+json" : step.Bytes is null ? "application/json" : "application/octet-stream");
        var body = step.Bytes is { } bytes ? Convert.FromBase64String(bytes) : Encoding.UTF8.GetBytes(step.Value?.ToJsonString() ?? "null");
        if (step.Type == "sleep") body = [];
        for (var i = 1; i <= step.Count; i++) Add(i == 1 ? step.Id : $"{step.Id}#{i}", step.Type, step.Failed, contentType, body);
    }

    private void Add(string id, string type, bool failed, string contentType, byte[] body)
    {
        _index[id] = _stored.Count;
        _stored.Add((id, type, failed, contentType, body));
    }

    private static string Inline((string Id, string Type, bool Failed, string ContentType, byte[] Body) row) =>
        $"\"{row.Id.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"" +
        $";{(row.Failed ? "err" : "ok")}=:{Convert.ToBase64String(row.Body)}:" +
        (row.ContentType == (row.Failed ? "application/problem+json" : "application/json") ? "" : $";ct=\"{row.ContentType}\"") +
        (row.Type == "run" ? "" : $";t={row.Type}");
}
