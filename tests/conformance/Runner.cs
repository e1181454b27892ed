using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;

namespace DurableGateway.Conformance;

/// <summary>Runs scenarios against one scenario service.</summary>
internal sealed class Runner(ServiceProcess service, ScriptedGateway scripted, RealGateway real)
{
    /// <summary>The maximum time for entries that are written after a response.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    private static int _cases;

    /// <summary>Runs a scenario, and returns what is wrong; <see langword="null"/> if nothing is.</summary>
    public async Task<string?> RunAsync(Scenario scenario)
    {
        var id = $"{scenario.Name}-{Interlocked.Increment(ref _cases)}";
        try
        {
            return scenario.Attempts.Count > 0 ? await ScriptedAsync(scenario, id) : await RealAsync(scenario, id);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return $"{e.GetType().Name}: {e.Message}";
        }
    }

    private async Task<string?> ScriptedAsync(Scenario scenario, string id)
    {
        var run = new ScriptedRun();
        scripted.Add(run);
        var number = 0;
        foreach (var attempt in scenario.Attempts)
        {
            number++;
            await service.ReadyAsync();
            var starts = service.Starts;
            using var request = new HttpRequestMessage(HttpMethod.Post, "/program") { Content = Program(scenario, id) };
            foreach (var (name, value) in run.Begin(attempt, scripted.AddressOf)) request.Headers.TryAddWithoutValidation(name, value);
            using var gaveUp = new CancellationTokenSource(Patience);
            var response = SendAsync(request, gaveUp.Token);
            if (attempt.CancelAtStep is { } step)
            {
                if (!await UntilAsync(() => service.Journal(id).ContainsKey("step " + step)))
                    return $"attempt {number}: step {step} has not started";
                await gaveUp.CancelAsync();
            }

            var seen = await response;
            if (scenario.Needs.Contains("exit") && (int)seen["status"]! == 0) await UntilAsync(() => service.Starts > starts);
            var difference = await SettledAsync(attempt.Expect, () =>
            {
                seen["calls"] = new JsonArray([.. run.Calls.Select(call => call.ToJson())]);
                var ids = run.Calls.Select(call => call.Step).Order(StringComparer.Ordinal);
                seen["ids"] = new JsonArray([.. ids.Select(step => (JsonNode?)step)]);
                seen["journal"] = service.Journal(id);
                return seen;
            });
            if (difference is not null) return $"attempt {number}: {difference}{Unanswered(seen)}";
        }

        return null;
    }

    private async Task<string?> RealAsync(Scenario scenario, string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/program") { Content = Program(scenario, id) };
        using var gaveUp = new CancellationTokenSource(TimeSpan.FromSeconds(scenario.Patience));
        var meanwhile = MeanwhileAsync(scenario, id);
        var seen = await SendAsync(request, gaveUp.Token, real.Public);
        if (await meanwhile is { } fault) return fault;
        var difference = await SettledAsync(scenario.Expect!, () =>
        {
            seen["journal"] = service.Journal(id);
            return seen;
        });
        return difference is null ? null : difference + Unanswered(seen);
    }

    /// <summary>Why there was no response. Expectations do not show this.</summary>
    private static string Unanswered(JsonObject seen) => (int)seen["status"]! == 0 ? $" ({seen["body"]})" : "";

    private async Task<string?> MeanwhileAsync(Scenario scenario, string id)
    {
        foreach (var action in scenario.Meanwhile)
        {
            if (!await UntilAsync(() => service.Journal(id).ContainsKey(action.When))) return $"'{action.When}' has not happened";
            if (action.Callback is { } sent)
            {
                var url = (string)service.Journal(id)["value of " + action.When["url ".Length..]]!;
                using var body = Json(sent.ToJsonString());
                using var answer = await real.Public.PostAsync(new Uri(url, UriKind.RelativeOrAbsolute), body);
                if (!answer.IsSuccessStatusCode) return $"the callback was answered {(int)answer.StatusCode}";
            }

            if (action.Event is { } happened)
            {
                using var body = Json(happened["data"]?.ToJsonString() ?? "null");
                using var message = new HttpRequestMessage(HttpMethod.Post, "/_durable/v1/events") { Content = body };
                message.Headers.Add("ce-specversion", "1.0");
                message.Headers.Add("ce-id", Guid.NewGuid().ToString());
                message.Headers.Add("ce-source", "/conformance");
                message.Headers.Add("ce-type", (string)happened["type"]!);
                if (happened["key"] is { } key)
                    message.Headers.Add("ce-subject", ((string)key!).Replace("{case}", id, StringComparison.Ordinal));
                using var answer = await real.Control.SendAsync(message);
                if (!answer.IsSuccessStatusCode) return $"the event was answered {(int)answer.StatusCode}";
            }
        }

        return null;
    }

    private async Task<JsonObject> SendAsync(HttpRequestMessage request, CancellationToken gaveUp, HttpClient? client = null)
    {
        try
        {
            client ??= service.Client;
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, gaveUp);
            var headers = response.Headers.Concat(response.Content.Headers)
                .Select(header => KeyValuePair.Create(header.Key.ToLowerInvariant(), (JsonNode?)string.Join(", ", header.Value)));
            return new JsonObject
            {
                ["status"] = (int)response.StatusCode,
                ["headers"] = new JsonObject(headers),
                ["body"] = Call.Parse(response.Content.Headers.ContentType?.MediaType == EventStream.MediaType
                    ? await EventStream.ReadAsync(client, response, gaveUp)
                    : await response.Content.ReadAsByteArrayAsync(gaveUp)),
            };
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            return new JsonObject { ["status"] = 0, ["body"] = e.GetBaseException().Message };
        }
    }

    private StringContent Program(Scenario scenario, string id)
    {
        // Placeholders occur in event names, in programs of invoked routes and in fetched URLs.
        var program = new JsonObject { ["case"] = id, ["do"] = scenario.Do.DeepClone() };
        return Json(program.ToJsonString().Replace("{case}", id, StringComparison.Ordinal)
            .Replace("{service}", service.Url, StringComparison.Ordinal));
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    private static async Task<string?> SettledAsync(JsonNode expected, Func<JsonNode> see)
    {
        string? difference = null;
        await UntilAsync(() => (difference = Matching.Differ(expected, see(), "")) is null, Settling);
        return difference;
    }

    private static async Task<bool> UntilAsync(Func<bool> condition, TimeSpan? within = null)
    {
        var begun = Stopwatch.GetTimestamp();
        while (true)
        {
            if (condition()) return true;
            if (Stopwatch.GetElapsedTime(begun) > (within ?? Patience)) return false;
            await Task.Delay(Poll);
        }
    }
}
