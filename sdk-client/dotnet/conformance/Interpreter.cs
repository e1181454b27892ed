using System.Globalization;
using System.Text.Json.Nodes;
using DurableGateway.Client.Http;

namespace DurableGateway.Client.Conformance;

/// <summary>Executes the operations of a program: see tests/conformance/PROGRAM.md.</summary>
/// <param name="step">The steps of the attempt.</param>
/// <param name="journal">Counts executions.</param>
/// <param name="http">Sends the requests of <c>fetch</c> operations.</param>
/// <param name="id">The id of the case.</param>
/// <param name="execution">The number of this execution of the handler, from 1.</param>
/// <param name="ended">Cancelled when the handler must end.</param>
internal sealed class Interpreter(IStep step, Journal journal, HttpClient http, string id, int execution, CancellationToken ended)
{
    private readonly StepBody _bodies = new(journal, id);

    /// <summary>Executes the operations in order.</summary>
    /// <returns>Their values.</returns>
    public async Task<JsonArray> ListAsync(JsonArray operations)
    {
        var values = new JsonArray();
        foreach (var operation in operations.Select(node => node!.AsObject()))
        {
            if (operation["in"] is JsonArray only && !only.Any(number => (int)number! == execution)) continue;
            values.Add((await DoAsync(operation))?.DeepClone());
        }

        return values;
    }

    private async Task<JsonNode?> LastAsync(JsonNode operations) => (await ListAsync(operations.AsArray())).LastOrDefault();

    private async Task<JsonNode?> DoAsync(JsonObject op)
    {
        var name = (string?)op["name"] ?? "";
        switch ((string?)op["op"])
        {
            case "run":
                return await RunAsync(name, op);
            case "nested":
                return await step.RunAsync<JsonNode?>(name, async token =>
                {
                    journal.Write(id, "step", name);
                    return await step.RunAsync<JsonNode?>((string)op["inner"]!, _ =>
                    {
                        journal.Write(id, "step", (string)op["inner"]!);
                        return Task.FromResult<JsonNode?>(null);
                    }, token);
                });
            case "sleep":
                await step.SleepAsync(name, Seconds(op["seconds"])!.Value);
                return null;
            case "sleepUntil":
                await step.SleepUntilAsync(name, DateTimeOffset.Parse((string)op["until"]!, CultureInfo.InvariantCulture));
                return null;
            case "event":
                return await step.WaitForEventAsync<JsonNode>(
                    name, (string)op["type"]!, (string?)op["key"], Seconds(op["timeout"]), Seconds(op["lookback"]));
            case "callback":
                return await step.CallbackAsync<JsonNode>(name, (url, _) => HandOutAsync(name, url, op), Seconds(op["timeout"]));
            case "invoke":
                var method = op["method"] is { } verb ? new HttpMethod((string)verb!) : null;
                return await step.InvokeAsync<JsonNode>(name, (string)op["path"]!, op["body"], method);
            case "send":
                await step.SendEventAsync(name, (string)op["type"]!, (string?)op["key"], op["data"]);
                return null;
            case "fetch":
                return await FetchAsync(name, op);
            case "egress":
                return await EgressAsync(name);
            case "rollback":
                step.OnRollback(name, token => _bodies.ExecuteAsync(name, op, token), Options(op));
                return null;
            case "parallel":
                return await ParallelAsync(op);
            case "first":
                return await await Task.WhenAny(Branches(op));
            case "repeat":
                JsonNode? last = null;
                for (var round = 0; round < (int)op["times"]!; round++) last = await LastAsync(op["do"]!);
                return last;
            case "try":
                return await TryAsync(op);
            case "throw":
                if (execution <= ((int?)op["times"] ?? int.MaxValue)) throw Failures.Of(op);
                return null;
            case "work":
                await Task.Delay((int)op["ms"]!, ended);
                return null;
            case "respond":
                var headers = op["headers"]?.AsObject().ToDictionary(header => header.Key, header => (string)header.Value!) ?? [];
                throw new RespondException((int)op["status"]!, op["body"]?.ToJsonString() ?? "null", headers);
            case "stream":
                var crash = execution <= ((int?)op["exit"]?["times"] ?? 0) ? (int?)op["exit"]!["after"] : null;
                throw new StreamException((int)op["events"]!, crash);
            case "exit":
                Crash.Now();
                return null;
            default:
                throw new RespondException(
                    StatusCodes.Status501NotImplemented, $"\"unknown operation {op["op"]}\"", new Dictionary<string, string>());
        }
    }

    private async Task<JsonNode?> EgressAsync(string name)
    {
        using var calls = new HttpMessageInvoker(new DurableEgressHandler(new Nowhere()));
        return new JsonObject { ["handler"] = await HeadersAsync(ended), ["step"] = await step.RunAsync(name, HeadersAsync) };

        async Task<JsonObject> HeadersAsync(CancellationToken token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "http://egress.invalid/");
            using var response = await calls.SendAsync(request, token);
            return new JsonObject(request.Headers.Select(header =>
                KeyValuePair.Create(header.Key.ToLowerInvariant(), (JsonNode?)string.Join(',', header.Value))));
        }
    }

    private async Task<JsonNode?> RunAsync(string name, JsonObject op)
    {
        var options = Options(op);
        if (op["bytes"] is { } bytes)
        {
            var content = Convert.FromBase64String((string)bytes!);
            if ((string?)op["as"] == "stream")
            {
                using var stream = await step.RunAsync<Stream>(name, async token =>
                {
                    await _bodies.ExecuteAsync(name, op, token);
                    return new MemoryStream(content);
                }, options);
                using var copy = new MemoryStream();
                await stream.CopyToAsync(copy);
                return Bytes(copy.ToArray());
            }

            return Bytes(await step.RunAsync(name, async token =>
            {
                await _bodies.ExecuteAsync(name, op, token);
                return content;
            }, options));
        }

        if ((string?)op["as"] == "object")
        {
            var item = await step.RunAsync(name, async token =>
            {
                await _bodies.ExecuteAsync(name, op, token);
                return new Item((int)op["result"]!["id"]!, (string?)op["result"]!["name"]);
            }, options);
            return item.Name is null ? new JsonObject { ["id"] = item.Id } : new JsonObject { ["id"] = item.Id, ["name"] = item.Name };
        }

        return await step.RunAsync<JsonNode?>(name, async token =>
        {
            await _bodies.ExecuteAsync(name, op, token);
            return op["size"] is { } size ? new string('x', (int)size) : op["result"]?.DeepClone();
        }, options);
    }

    private async Task HandOutAsync(string name, Uri url, JsonObject op)
    {
        var tries = journal.Write(id, "url", name, new JsonObject { ["value"] = url.OriginalString });
        await Task.CompletedTask;
        if (op["fail"] is JsonObject failure && tries <= ((int?)failure["times"] ?? int.MaxValue)) throw Failures.Of(failure);
    }

    private async Task<JsonNode?> FetchAsync(string name, JsonObject op)
    {
        using var response = await step.FetchAsync(name, token =>
        {
            journal.Write(id, "step", name);
            return http.GetAsync(new Uri((string)op["url"]!), token);
        }, Options(op));
        return new JsonObject { ["status"] = (int)response.StatusCode, ["body"] = await response.Content.ReadAsStringAsync() };
    }

    private async Task<JsonNode?> ParallelAsync(JsonObject op)
    {
        var branches = Branches(op);
        var open = branches.ToList();
        while (open.Count > 0)
        {
            var ended = await Task.WhenAny(open);
            open.Remove(ended);
            await ended;
        }

        return new JsonArray([.. branches.Select(branch => branch.Result?.DeepClone())]);
    }

    private Task<JsonNode?>[] Branches(JsonObject op) => [.. op["branches"]!.AsArray().Select(branch => LastAsync(branch!))];

    private async Task<JsonNode?> TryAsync(JsonObject op)
    {
        try
        {
            return await LastAsync(op["do"]!);
        }
        catch (StepFailedException e)
        {
            var then = await LastAsync(op["catch"] ?? new JsonArray());
            return new JsonObject { ["failed"] = e.Step, ["type"] = e.Problem.Type, ["then"] = then?.DeepClone() };
        }
    }

    private static JsonObject Bytes(byte[] bytes) => new() { ["bytes"] = Convert.ToBase64String(bytes) };

    private static TimeSpan? Seconds(JsonNode? node) => node is null ? null : TimeSpan.FromSeconds((double)node);

    private static StepOptions? Options(JsonObject op) => op["options"] is not JsonObject options ? null : new StepOptions
    {
        AtMostOnce = (bool?)options["atMostOnce"] ?? false,
        MaxAttempts = (int?)options["maxAttempts"],
        RetryDelay = Seconds(options["delay"]),
        MaxRetryDelay = Seconds(options["maxDelay"]),
        Backoff = (string?)options["backoff"] switch
        {
            "linear" => StepBackoff.Linear,
            "constant" => StepBackoff.Constant,
            "exponential" => StepBackoff.Exponential,
            _ => null,
        },
        Timeout = Seconds(options["timeout"]),
    };

    private sealed record Item(int Id, string? Name);

    /// <summary>Sends nothing.</summary>
    private sealed class Nowhere : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage());
    }
}
