using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Steps;

/// <summary>Every answer to <c>PUT {callback}/steps/{step}</c> for the type <c>run</c> (§3).</summary>
public sealed class StepCallTests
{
    private const string TwoTries = "Durable:Policies:default:Retry:MaxAttempts=2";

    [Fact]
    public async Task Put_OfANewStep_Gets201()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        var answer = await attempt.PutAsync("charge", """{"id":1}""");

        Assert.Equal(HttpStatusCode.Created, answer.Status);
        Assert.Empty(answer.Body);
    }

    [Fact]
    public async Task Put_WithTypeAndOutcomeSpeltOut_Gets201()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        var answer = await attempt.PutAsync("charge", "1",
            ("Durable-Step-Type", "run"), ("Durable-Step-Outcome", "completed"), ("Durable-Step-Duration", "0.25"));

        Assert.Equal(HttpStatusCode.Created, answer.Status);
    }

    [Fact]
    public async Task Put_OfAStoredStep_Gets200WithWhatIsStored()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        byte[] stored = [0, 255, 13, 10, 128];
        await attempt.PutBytesAsync("charge", stored, ("Content-Type", "image/x-own; v=1"));

        var answer = await attempt.PutAsync("charge", """{"id":2}""");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("completed", answer["Durable-Step-Outcome"]);
        Assert.Equal("image/x-own; v=1", answer["Content-Type"]);
        Assert.Equal(stored, answer.Body);
    }

    [Fact]
    public async Task Put_OfAStepStoredAsFailed_Gets200WithTheFailure()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        await attempt.FailAsync("charge", ("Durable-Retry", "?0"));

        var answer = await attempt.PutAsync("charge");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("failed", answer["Durable-Step-Outcome"]);
        Assert.Equal("application/problem+json", answer["Content-Type"]);
        Assert.Equal("""{"title":"no"}""", answer.Text);
    }

    [Fact]
    public async Task Put_OfAnEmptyOutcome_IsAnOutcome()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("nothing", "")).Status);
        var again = await attempt.PutAsync("nothing");

        Assert.Equal(HttpStatusCode.OK, again.Status);
        Assert.Empty(again.Body);
    }

    [Fact]
    public async Task Put_OfAStepStoredByAnEarlierAttempt_Gets200()
    {
        await using var world = await World.StartAsync();
        var first = await world.BeginAsync();
        await first.PutAsync("charge", "\"first\"");
        first.Answer(503);
        var second = await world.NextAttemptAsync();

        var answer = await second.PutAsync("charge", "\"second\"");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("\"first\"", answer.Text);
    }

    [Fact]
    public async Task PutFailed_WithTriesLeft_Gets202AndIsScheduled()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:Retry:Delay=00:00:07.200");
        var attempt = await world.BeginAsync();

        var answer = await attempt.FailAsync("charge");

        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        Assert.Equal("8", answer["Retry-After"]);
        var state = (await attempt.GetAsync()).Json;
        Assert.Equal(1, state.GetProperty("steps").GetProperty("pending").GetInt32());
        Assert.Equal(0, state.GetProperty("steps").GetProperty("failed").GetInt32());
    }

    [Fact]
    public async Task PutFailed_ThenSuspended_IsTriedAgainWhenDue()
    {
        await using var world = await World.StartAsync();
        var first = await world.BeginAsync();
        await first.FailAsync("charge");
        first.Suspend();

        var second = await world.NextAttemptAsync();

        Assert.Equal("2", second.Request["Durable-Attempt"]);
        Assert.Contains(second.Request["Durable-Step-Count"], new[] { null, "0" });
        Assert.Null(second.Request["Durable-Steps"]);
        Assert.Equal(HttpStatusCode.Created, (await second.PutAsync("charge")).Status);
    }

    [Fact]
    public async Task PutFailed_WithRetryAfter_SchedulesNoEarlier()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        var answer = await attempt.FailAsync("charge", ("Retry-After", "90"));
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();

        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        Assert.Equal("90", answer["Retry-After"]);
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        var state = (await attempt.GetAsync()).Json;
        var due = state.GetProperty("nextAttemptAt").GetDateTimeOffset() - state.GetProperty("startedAt").GetDateTimeOffset();
        Assert.InRange(due.TotalSeconds, 90, 100);
    }

    [Theory]
    [InlineData("99999999999999")]
    [InlineData("Fri, 31 Dec 9999 23:59:59 GMT")]
    public async Task PutFailed_WithAnAbsurdRetryAfter_IsNoErrorOfTheGateway(string retryAfter)
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        var answer = await attempt.FailAsync("charge", ("Retry-After", retryAfter));

        Assert.True(answer.Status is HttpStatusCode.Accepted or HttpStatusCode.BadRequest, $"{answer.Status}: {answer.Text}");
    }

    [Fact]
    public async Task PutFailed_WithRetryFalse_Gets201AndIsPartOfTheRun()
    {
        await using var world = await World.StartAsync();
        var first = await world.BeginAsync();

        Assert.Equal(HttpStatusCode.Created, (await first.FailAsync("charge", ("Durable-Retry", "?0"))).Status);
        first.Answer(503);

        var second = await world.NextAttemptAsync();
        Assert.Equal("1", second.Request["Durable-Step-Count"]);
        Assert.Equal($"\"charge\";err=:{Convert.ToBase64String("""{"title":"no"}"""u8)}:", second.Request["Durable-Steps"]);
    }

    [Fact]
    public async Task PutFailed_WithTriesUsedUp_Gets201AndIsPartOfTheRun()
    {
        await using var world = await World.StartAsync(TwoTries);
        var first = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.Accepted, (await first.FailAsync("charge")).Status);
        first.Suspend();
        var second = await world.NextAttemptAsync();

        Assert.Equal(HttpStatusCode.Created, (await second.FailAsync("charge")).Status);

        second.Answer(503);
        var third = await world.NextAttemptAsync();
        Assert.StartsWith("\"charge\";err=:", third.Request["Durable-Steps"], StringComparison.Ordinal);
        Assert.Equal("failed", (await third.FailAsync("charge"))["Durable-Step-Outcome"]);
    }

    [Fact]
    public async Task PutFailed_RepeatedInOneAttempt_CountsOneTry()
    {
        await using var world = await World.StartAsync(TwoTries, World.RetryMuchLater);
        var attempt = await world.BeginAsync();

        Assert.Equal(HttpStatusCode.Accepted, (await attempt.FailAsync("charge")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await attempt.FailAsync("charge")).Status);
    }

    [Fact]
    public async Task PutCompleted_AfterAFailedTry_ClearsWhatWasPending()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.FailAsync("charge");

        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("charge")).Status);

        var steps = (await attempt.GetAsync()).Json.GetProperty("steps");
        Assert.Equal((1, 0), (steps.GetProperty("completed").GetInt32(), steps.GetProperty("pending").GetInt32()));
    }

    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("%2e")]
    [InlineData("%2E%2e")]
    [InlineData(".%2E")]
    [InlineData("")]
    [InlineData("%")]
    [InlineData("%zz")]
    [InlineData("%ff")]
    [InlineData("%C3")]
    [InlineData("a/b")]
    public async Task Put_WithABadStepId_Gets400(string segment)
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        var answer = await attempt.PutAsync(segment);

        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal("[]", (await attempt.GetAsync("/steps")).Text);
    }

    [Theory]
    [InlineData("a", 256, HttpStatusCode.Created)]
    [InlineData("a", 257, HttpStatusCode.BadRequest)]
    [InlineData("%C3%A4", 128, HttpStatusCode.Created)]
    [InlineData("%C3%A4", 129, HttpStatusCode.BadRequest)]
    public async Task Put_WithAnIdOfBytes_IsTakenUpTo256(string letter, int count, HttpStatusCode expected)
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        Assert.Equal(expected, (await attempt.PutAsync(string.Concat(Enumerable.Repeat(letter, count)))).Status);
    }

    [Theory]
    [InlineData("Durable-Step-Outcome", "done")]
    [InlineData("Durable-Step-Outcome", "Completed")]
    [InlineData("Durable-Step-Duration", "soon")]
    [InlineData("Durable-Step-Duration", "-1")]
    [InlineData("Durable-Step-Duration", "1e3")]
    public async Task Put_WithABadHeader_Gets400(string name, string value)
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        (await attempt.PutAsync("charge", "1", (name, value))).AssertProblem(HttpStatusCode.BadRequest, "step-malformed");
    }

    [Fact]
    public async Task Put_WithAnAbsurdDuration_IsNoErrorOfTheGateway()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        var answer = await attempt.PutAsync("charge", "1", ("Durable-Step-Duration", "99999999999"));

        Assert.True(answer.Status is HttpStatusCode.Created or HttpStatusCode.BadRequest, $"{answer.Status}: {answer.Text}");
    }

    [Theory]
    [InlineData("dance")]
    [InlineData("Run")]
    public async Task Put_WithAnUnknownType_Gets400Or422(string type)
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        var answer = await attempt.PutAsync("charge", "1", ("Durable-Step-Type", type));

        Assert.True(answer.Status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity, $"{answer.Status}");
        Assert.Equal("application/problem+json", answer["Content-Type"]);
    }
}
