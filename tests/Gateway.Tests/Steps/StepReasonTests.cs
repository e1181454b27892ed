using System.Net;
using System.Text.Json;
using DurableGateway.Cli;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Steps;

public sealed class EmbeddedStepReasonTests : StepReasonTests<OnEmbedded>;

public sealed class RedisStepReasonTests : StepReasonTests<OnRedis>;

/// <summary>Why a try of a step failed: operators see the reason from the first try, and clients do not see it.</summary>
public abstract class StepReasonTests<TStore> where TStore : IStoreChoice
{
    private const string Failure =
        """
        {"title":"The airline is busy","detail":"flight DG 417, card 4111",
         "exceptionType":"Airline.BusyException","stackTrace":"at Secret.Place()"}
        """;
    private static readonly (string, string)[] Failed = [("Durable-Step-Outcome", "failed"), ("Content-Type", "application/problem+json")];

    [Fact]
    public async Task FailedTry_IsExplained_InTheHistoryTheStepTheRunAndTheCommandLine_BeforeItsTriesAreUsedUp()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("search");
        Assert.Equal(HttpStatusCode.Accepted, (await attempt.PutAsync("reserve%20a%20seat", Failure, Failed)).Status);
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();

        var run = await world.GetJsonAsync($"runs/{attempt.RunId}");
        const string Expected = "The airline is busy: flight DG 417, card 4111 (Airline.BusyException)";
        Assert.Equal("step reserve a seat: " + Expected, run.GetProperty("run").GetProperty("lastError").GetString());
        var entry = run.GetProperty("history").EnumerateArray().Single(one => one.GetProperty("kind").GetString() == "StepTryFailed");
        Assert.Equal(("reserve a seat", Expected), (entry.GetProperty("text").GetString(), entry.GetProperty("reason").GetString()));
        Assert.NotEqual(JsonValueKind.Null, entry.GetProperty("until").ValueKind);
        var step = run.GetProperty("steps").EnumerateArray().Single(one => one.GetProperty("id").GetString() == "reserve a seat");
        Assert.Equal(("retrying", Expected), (step.GetProperty("state").GetString(), step.GetProperty("reason").GetString()));
        Assert.Contains(Expected, run.GetProperty("attempts")[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
        using StringWriter output = new(), error = new();
        await RunsCommand.RunAsync(["runs", "show", attempt.RunId, "--url", world.Gateway.Control.ToString()], output, error);
        Assert.Contains(Expected, output.ToString(), StringComparison.Ordinal);
        using var page = await world.Gateway.Client.GetAsync(new Uri(world.Gateway.Control, $"/runs/{attempt.RunId}"));
        Assert.Contains(Expected, WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync()), StringComparison.Ordinal);
    }

    /// <summary>Each failed try is kept with its problem, and each failed attempt with the beginning of its body.</summary>
    [Fact]
    public async Task EveryFailedTryAndAttempt_KeepsWhatTheServiceSaid()
    {
        await using var world = await World.StartAsync<TStore>(
            "Durable:Policies:default:Retry:Delay=00:00:00.010", "Durable:Admin:Mask:JsonPaths:0=secret");
        var first = await world.BeginAsync();
        await first.PutAsync("pay", """{"title":"Busy","detail":"one","stackTrace":"   at Bank.Pay()\n   at Shop.Buy()","secret":"4111"}""",
            [.. Failed, ("Durable-Step-Duration", "0.25")]);
        first.Answer(503, "the bank is closed");
        var second = await world.NextAttemptAsync();
        await second.PutAsync("pay", """{"title":"Busy","detail":"two"}""", Failed);
        second.Answer(500, $$"""{"detail":"no pool","secret":"4111","page":"{{new string('x', 10_000)}}"}""",
            ("Content-Type", "application/json"));
        var third = await world.NextAttemptAsync();

        var answer = await world.CallAsync(HttpMethod.Get, $"runs/{first.RunId}");
        Assert.DoesNotContain("4111", answer.Text, StringComparison.Ordinal);
        var run = JsonDocument.Parse(answer.Text).RootElement;
        var tries = run.GetProperty("steps")[0].GetProperty("failedTries").EnumerateArray().ToArray();
        Assert.Equal(["Busy: one", "Busy: two"], tries.Select(one => one.GetProperty("reason").GetString()));
        Assert.Equal(250, tries[0].GetProperty("tookMilliseconds").GetDouble());
        Assert.Contains("at Bank.Pay()", tries[0].GetProperty("failure").GetProperty("body").GetString(), StringComparison.Ordinal);
        var attempts = run.GetProperty("attempts").EnumerateArray().ToArray();
        Assert.Equal("status 503: the bank is closed", attempts[0].GetProperty("reason").GetString());
        Assert.Equal("status 500: no pool", attempts[1].GetProperty("reason").GetString());
        var body = attempts[1].GetProperty("failure");
        Assert.True(body.GetProperty("isCut").GetBoolean());
        Assert.InRange(body.GetProperty("body").GetString()!.Length, 3000, 4096);
        Assert.Contains("status 500: no pool", run.GetProperty("run").GetProperty("lastError").GetString(), StringComparison.Ordinal);
        using StringWriter output = new(), error = new();
        await RunsCommand.RunAsync(["runs", "show", first.RunId, "--url", world.Gateway.Control.ToString()], output, error);
        Assert.Contains("the bank is closed", output.ToString(), StringComparison.Ordinal);
        third.Answer(200);
    }

    [Fact]
    public async Task StepThatFailedForGood_IsExplained_AndOneThatCompletedAfterAll_Not()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Policies:default:Retry:Delay=00:00:00.010");
        var first = await world.BeginAsync();
        await first.PutAsync("search", Failure, Failed);
        first.Suspend();
        var second = await world.NextAttemptAsync();
        await second.PutAsync("search");
        await second.PutAsync("pay", "the bank is closed", ("Durable-Step-Outcome", "failed"), ("Durable-Retry", "?0"),
            ("Content-Type", "text/plain"));

        var steps = (await world.GetJsonAsync($"runs/{first.RunId}")).GetProperty("steps").EnumerateArray()
            .ToDictionary(step => step.GetProperty("id").GetString()!, step => step.GetProperty("reason").GetString());
        Assert.Null(steps["search"]);
        Assert.Equal("the bank is closed", steps["pay"]);
        second.Answer(200);
    }

    [Fact]
    public async Task Masks_ApplyToReasons_EverywhereTheyAreShown()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Admin:Mask:JsonPaths:0=detail", World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("reserve", Failure, Failed);
        await attempt.PutAsync("other", Failure, [.. Failed, ("Durable-Retry", "?0")]);

        var answer = await world.CallAsync(HttpMethod.Get, $"runs/{attempt.RunId}");

        Assert.Contains("The airline is busy: ***", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("4111", answer.Text, StringComparison.Ordinal);
        attempt.Answer(200);
    }

    [Fact]
    public async Task Client_IsNotTold()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("reserve", Failure, Failed);
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();

        foreach (var accept in new[] { "text/html", "text/event-stream" })
        {
            using var asked = new HttpRequestMessage(HttpMethod.Get, redirect.Headers.Location);
            asked.Headers.TryAddWithoutValidation("Accept", accept);
            using var answer = await world.Gateway.Client.SendAsync(asked, HttpCompletionOption.ResponseHeadersRead);
            await using var body = await answer.Content.ReadAsStreamAsync();
            var told = "";
            var buffer = new byte[64 * 1024];
            while (!told.Contains("reserve", StringComparison.Ordinal))
            {
                var read = await body.ReadAsync(buffer).AsTask().WaitAsync(World.Patience);
                Assert.True(read > 0, $"The step is not in what a client of {accept} gets.");
                told += System.Text.Encoding.UTF8.GetString(buffer, 0, read);
            }

            Assert.DoesNotContain("airline", told, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("417", told, StringComparison.Ordinal);
        }
    }
}

/// <summary>The log at each failed try.</summary>
public sealed class StepReasonLogTests
{
    [Theory]
    [InlineData("application/problem+json", """{"title":"The bank is closed","detail":"until\nMonday"}""",
        "The bank is closed: until Monday")]
    [InlineData("text/plain", "no\u001b[2Jmore", "no [2Jmore")]
    [InlineData("application/json", """{"code":7}""", """{"code":7}""")]
    [InlineData("text/plain", "", "no message")]
    public async Task EachTry_IsLogged_WithStepTryAndReason_InOneLine(string contentType, string body, string reason)
    {
        var log = new LogSink();
        var held = new TaskCompletionSource<HeldAttempt>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            var attempt = new HeldAttempt(SeenRequest.Of(context, []));
            held.TrySetResult(attempt);
            context.Response.StatusCode = (await attempt.Answered).Status;
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, app => app.Logging.AddProvider(log));
        var client = gateway.Client.GetAsync("/orders");
        var attempt = await held.Task.WaitAsync(World.Patience);

        await attempt.PutAsync("pay", body, ("Durable-Step-Outcome", "failed"), ("Content-Type", contentType));
        await attempt.PutAsync("ship", body, ("Durable-Step-Outcome", "failed"), ("Durable-Retry", "?0"), ("Content-Type", contentType));

        Assert.StartsWith($"Try 1 of step pay of run {attempt.RunId} failed in attempt 1 ({reason}); the next one is due at ",
            Assert.Single(log.Of(128)).Text, StringComparison.Ordinal);
        Assert.Equal($"Step ship of run {attempt.RunId} failed permanently in attempt 1 ({reason})", Assert.Single(log.Of(129)).Text);
        attempt.Answer(200);
        (await client).Dispose();
    }

    [Fact]
    public async Task LongMessage_IsCut()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("pay", new string('x', 100_000), ("Durable-Step-Outcome", "failed"), ("Content-Type", "text/plain"));

        var run = await world.GetJsonAsync($"runs/{attempt.RunId}");

        Assert.InRange(run.GetProperty("steps")[0].GetProperty("reason").GetString()!.Length, 100, 500);
        attempt.Answer(200);
    }
}
