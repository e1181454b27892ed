using System.Globalization;
using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Steps;

/// <summary>Steps of type <c>sleep</c> (§3): the run is parked, and continues at the time of the first call.</summary>
public sealed class SleepTests
{
    [Fact]
    public async Task Sleep_ParksTheRun_WakesAtItsTime_AndIsThenOver()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        var began = Environment.TickCount64;
        var asleep = await SleepAsync(attempt, "nap", "0.400");
        Assert.Equal(HttpStatusCode.Accepted, asleep.Status);
        Assert.Equal("1", asleep["Retry-After"]);
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);

        var next = await world.NextAttemptAsync();
        Assert.InRange(Environment.TickCount64 - began, 390, 3000);
        var over = await SleepAsync(next, "nap", "0.400");
        Assert.Equal(HttpStatusCode.OK, over.Status);
        Assert.Equal("completed", over["Durable-Step-Outcome"]);
        next.Answer(200, "rested");
        Assert.Equal("rested", await world.Gateway.Follower.GetStringAsync(redirect.Headers.Location));
    }

    [Fact]
    public async Task Sleep_ThatIsOverAsTheAttemptBegins_IsAmongItsOutcomes()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await SleepAsync(attempt, "nap", "0.100");
        attempt.Suspend();

        var next = await world.NextAttemptAsync();

        Assert.Equal(("1", "\"nap\";ok=::;t=sleep"), (next.Request["Durable-Step-Count"], next.Request["Durable-Steps"]));
        Assert.Contains("\"id\":\"nap\",\"type\":\"sleep\",\"outcome\":\"completed\"",
            (await next.GetAsync("/steps")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sleep_AskedAgain_KeepsItsFirstTime()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.Accepted, (await SleepAsync(attempt, "nap", "0.300")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await SleepAsync(attempt, "nap", "3600")).Status);
        await Eventually.TrueAsync(async () => (await SleepAsync(attempt, "nap", "3600")).Status == HttpStatusCode.OK, "the sleep is over");
    }

    [Fact]
    public async Task Sleep_ThatIsOverAtOnce_IsAnswered200()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.OK, (await SleepAsync(attempt, "none", "0")).Status);
        Assert.Equal(HttpStatusCode.OK, (await UntilAsync(attempt, "past", "2001-01-01T00:00:00Z")).Status);
        Assert.Contains("\"type\":\"sleep\"", (await attempt.GetAsync("/steps")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SleepsInParallel_WakeTheRunAtTheEarliest()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await SleepAsync(attempt, "long", "3600");
        await SleepAsync(attempt, "short", "0.200");
        attempt.Suspend();
        var next = await world.NextAttemptAsync();
        Assert.Equal(HttpStatusCode.OK, (await SleepAsync(next, "short", "0.200")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await SleepAsync(next, "long", "3600")).Status);
    }

    [Fact]
    public async Task SleepUntil_TakesAnyOffset()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        var soon = TimeProvider.System.GetUtcNow().AddHours(3).ToOffset(TimeSpan.FromHours(2));
        Assert.Equal(HttpStatusCode.Accepted,
            (await UntilAsync(attempt, "far", soon.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture))).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await UntilAsync(attempt, "fine",
            soon.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture))).Status);
    }

    [Theory]
    [InlineData("-1", null)]
    [InlineData("soon", null)]
    [InlineData("1e3", null)]
    [InlineData("", null)]
    [InlineData("1", "2300-01-01T00:00:00Z")]
    [InlineData(null, "tomorrow")]
    [InlineData(null, "2300-01-01T00:00:00")]
    [InlineData(null, "2300-01-01")]
    public async Task Sleep_Malformed_Is400(string? span, string? until)
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        var headers = new List<(string, string)> { ("Durable-Step-Type", "sleep") };
        if (span is not null) headers.Add(("Durable-Step-For", span));
        if (until is not null) headers.Add(("Durable-Step-Until", until));
        (await attempt.PutAsync("nap", "", [.. headers])).AssertProblem(HttpStatusCode.BadRequest, "step-malformed");
    }

    [Fact]
    public async Task Step_BegunAsAnotherType_IsRefused()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await SleepAsync(attempt, "a", "3600");
        (await attempt.PutAsync("a")).AssertProblem(HttpStatusCode.UnprocessableEntity, "step-of-other-type");
        await attempt.FailAsync("b");
        (await SleepAsync(attempt, "b", "1")).AssertProblem(HttpStatusCode.UnprocessableEntity, "step-of-other-type");
    }

    private static Task<CallAnswer> SleepAsync(HeldAttempt attempt, string step, string seconds) =>
        attempt.PutAsync(step, "", ("Durable-Step-Type", "sleep"), ("Durable-Step-For", seconds));

    private static Task<CallAnswer> UntilAsync(HeldAttempt attempt, string step, string time) =>
        attempt.PutAsync(step, "", ("Durable-Step-Type", "sleep"), ("Durable-Step-Until", time));
}
