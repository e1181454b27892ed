using System.Globalization;
using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Steps;

public sealed class EmbeddedRetryTimeTests : RetryTimeTests<OnEmbedded>;

public sealed class RedisRetryTimeTests : RetryTimeTests<OnRedis>;

/// <summary>Times that a service sends: their limits, and which are refused.</summary>
public abstract class RetryTimeTests<TStore> where TStore : IStoreChoice
{
    private const string HalfAnHour = "Durable:Policies:default:RunTimeout=00:30:00";

    [Theory]
    [InlineData("Fri, 31 Dec 9999 23:59:59 GMT")]
    [InlineData("999999999")]
    [InlineData("99999999999999999999999999")]
    public async Task RetryAfter_BeyondADay_IsADay_ForAttemptsAndSteps(string field)
    {
        await using var world = await World.StartAsync<TStore>();
        var attempt = await world.BeginAsync();
        Assert.InRange(SecondsOf((await attempt.FailAsync("a", ("Retry-After", field)))["Retry-After"]), 86_000, 86_400);
        attempt.Answer(503, "", ("Retry-After", field));
        using var redirect = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        Assert.InRange(SecondsOf(redirect.Headers.GetValues("Retry-After").Single()), 86_000, 86_400);
    }

    [Theory]
    [InlineData("Fri, 31 Dec 9999 23:59:59 GMT")]
    [InlineData("999999999")]
    public async Task RetryAfter_BeyondTheDeadline_IsTheDeadline(string field)
    {
        await using var world = await World.StartAsync<TStore>(HalfAnHour);

        // The first run is not stored before its failure. The second one is.
        (await world.BeginAsync()).Answer(503, "", ("Retry-After", field));
        using var unstored = await world.LiveAnswerAsync();
        Assert.InRange(SecondsOf(unstored.Headers.GetValues("Retry-After").Single()), 1700, 1800);
        var attempt = await world.BeginAsync();
        Assert.InRange(SecondsOf((await attempt.FailAsync("a", ("Retry-After", field)))["Retry-After"]), 1700, 1800);
        Assert.InRange(SecondsOf((await attempt.FailAsync("b",
            ("Durable-Step-Retry", "delay=99999999999, max-delay=99999999999")))["Retry-After"]), 1700, 1800);
        attempt.Answer(503, "", ("Retry-After", field));
        using var stored = await world.LiveAnswerAsync();
        Assert.InRange(SecondsOf(stored.Headers.GetValues("Retry-After").Single()), 1700, 1800);
    }

    [Theory]
    [InlineData("Durable-Step-For", "3600")]
    [InlineData("Durable-Step-For", "99999999999999999999")]
    [InlineData("Durable-Step-Until", "9999-12-31T23:59:59Z")]
    public async Task Sleep_BeyondRunTimeout_IsRefused_AndTheRunGoesOn(string header, string value)
    {
        await using var world = await World.StartAsync<TStore>(HalfAnHour);
        var attempt = await world.BeginAsync();
        var refused = await attempt.PutTypeAsync("sleep", "nap", (header, value));
        refused.AssertProblem(HttpStatusCode.UnprocessableEntity, "beyond-run-timeout");
        Assert.Contains("00:30:00", refused.Text, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Accepted, (await attempt.PutTypeAsync("sleep", "nap", ("Durable-Step-For", "1200"))).Status);

        // The time of the first call counts, so the second call changes nothing.
        Assert.InRange(SecondsOf((await attempt.PutTypeAsync("sleep", "nap", (header, value)))["Retry-After"]), 1100, 1200);
        attempt.Answer(200, "done");
        using var answer = await world.LiveAnswerAsync();
        Assert.Equal("done", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("callback")]
    [InlineData("wait")]
    public async Task Wait_ForLongerThanRunTimeout_IsRefused(string type)
    {
        await using var world = await World.StartAsync<TStore>(HalfAnHour);
        var attempt = await world.BeginAsync();
        (string, string)[] topic = type == "wait" ? [("Durable-Event-Type", "t")] : [];
        (await attempt.PutTypeAsync(type, "w", [("Durable-Step-Timeout", "1801"), .. topic]))
            .AssertProblem(HttpStatusCode.UnprocessableEntity, "beyond-run-timeout");
        (await attempt.PutTypeAsync(type, "w", [("Durable-Step-Timeout", "99999999999999999999"), .. topic]))
            .AssertProblem(HttpStatusCode.UnprocessableEntity, "beyond-run-timeout");
        Assert.Equal(HttpStatusCode.Accepted, (await attempt.PutTypeAsync(type, "w", [("Durable-Step-Timeout", "1800"), .. topic])).Status);
        attempt.Answer(200);
    }

    private static long SecondsOf(string? field) => long.Parse(field!, CultureInfo.InvariantCulture);
}
