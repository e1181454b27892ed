using System.Globalization;
using System.Net;
using DurableGateway.Protocol;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Steps;

/// <summary>Who may checkpoint, when, and how much (§3), and what a service can read of its run (§2, §3).</summary>
public sealed class StepFenceTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("AAAAAAAAAAFUrFDRfs1QrlVZzpX5p1Ww")]
    public async Task Put_WithNoTokenOrAMadeUpOne_Gets401(string? token)
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        (await attempt.PutWithTokenAsync("charge", token)).AssertProblem(HttpStatusCode.Unauthorized, "token-invalid");
    }

    [Fact]
    public async Task Put_WithAnotherRunsToken_Gets401()
    {
        await using var world = await World.StartAsync();
        await using var other = await World.StartAsync();
        var attempt = await world.BeginAsync();
        var foreign = await other.BeginAsync();

        (await attempt.PutWithTokenAsync("charge", foreign.Token)).AssertProblem(HttpStatusCode.Unauthorized, "token-invalid");
        (await attempt.GetAsync("", foreign.Token)).AssertProblem(HttpStatusCode.Unauthorized, "token-invalid");
        (await attempt.GetAsync("/steps", foreign.Token)).AssertProblem(HttpStatusCode.Unauthorized, "token-invalid");
    }

    [Fact]
    public async Task Put_WithTheTokenOfTheResultUrl_Gets401()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        var token = redirect.Headers.Location!.OriginalString.Split("token=")[1];

        (await attempt.PutWithTokenAsync("charge", token)).AssertProblem(HttpStatusCode.Unauthorized, "token-invalid");
    }

    [Fact]
    public async Task Put_ForAnUnknownRun_Gets404()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        var run = Make.RunId();
        var token = world.Gateway.Services.GetRequiredService<Tokens>().ForSteps(run, 1);

        using var call = HeldAttempt.Call(HttpMethod.Put,
            $"{attempt.Callback.Replace(attempt.RunId, run.ToString(), StringComparison.Ordinal)}/steps/a", token);
        call.Content = new StringContent("1");
        (await HeldAttempt.SendAsync(call)).AssertProblem(HttpStatusCode.NotFound, "run-unknown");
    }

    [Fact]
    public async Task Put_WithStaleAttempt_Gets409()
    {
        await using var world = await World.StartAsync();
        var first = await world.BeginAsync();
        await first.PutAsync("stored");
        first.Answer(503);
        await world.NextAttemptAsync();

        (await first.PutAsync("new")).AssertProblem(HttpStatusCode.Conflict, "attempt-superseded");
        (await first.FailAsync("new")).AssertProblem(HttpStatusCode.Conflict, "attempt-superseded");
    }

    [Fact]
    public async Task Put_WithStaleAttemptOfAStoredStep_Gets409()
    {
        await using var world = await World.StartAsync();
        var first = await world.BeginAsync();
        await first.PutAsync("stored");
        first.Answer(503);
        await world.NextAttemptAsync();

        (await first.PutAsync("stored")).AssertProblem(HttpStatusCode.Conflict, "attempt-superseded");
    }

    [Fact]
    public async Task Put_AfterTheAttemptEndedAndBeforeTheNext_Gets201()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();

        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("late")).Status);
        Assert.Equal("waiting", (await attempt.GetAsync()).Json.GetProperty("state").GetString());
    }

    [Theory]
    [InlineData(200, null)]
    [InlineData(500, "?0")]
    public async Task Put_AfterTheRunEnded_Gets410(int status, string? retry)
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("stored");
        attempt.Answer(status, "", retry is null ? [] : [("Durable-Retry", retry)]);
        using var answer = await world.LiveAnswerAsync();

        (await attempt.PutAsync("new")).AssertProblem(HttpStatusCode.Gone, "run-ended");
        (await attempt.PutAsync("stored")).AssertProblem(HttpStatusCode.Gone, "run-ended");
        (await attempt.FailAsync("new")).AssertProblem(HttpStatusCode.Gone, "run-ended");
    }

    [Fact]
    public async Task Put_OfMoreThanThePolicyAllows_Gets413()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:MaxStepBytes=100");
        var attempt = await world.BeginAsync();

        (await attempt.PutAsync("large", new string('1', 101))).AssertProblem(HttpStatusCode.RequestEntityTooLarge, "step-too-large");
        using var chunked = HeldAttempt.Call(HttpMethod.Put, $"{attempt.Callback}/steps/chunked", attempt.Token);
        chunked.Content = new ByteArrayContent(new byte[101]);
        chunked.Headers.TransferEncodingChunked = true;
        (await HeldAttempt.SendAsync(chunked)).AssertProblem(HttpStatusCode.RequestEntityTooLarge, "step-too-large");
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("large", new string('1', 100))).Status);
    }

    [Fact]
    public async Task Put_OfMoreStepsThanThePolicyAllows_Gets422()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:MaxSteps=2");
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("one");
        await attempt.FailAsync("two");

        (await attempt.PutAsync("three")).AssertProblem(HttpStatusCode.UnprocessableEntity, "too-many-steps");
        (await attempt.FailAsync("three")).AssertProblem(HttpStatusCode.UnprocessableEntity, "too-many-steps");
        Assert.Equal(HttpStatusCode.OK, (await attempt.PutAsync("one")).Status);
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("two")).Status);
    }

    [Fact]
    public async Task Suspended_WithNothingPending_IsAFailedAttempt()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:Retry:MaxAttempts=2");
        (await world.BeginAsync()).Suspend();
        (await world.NextAttemptAsync()).Suspend();
        using var redirect = await world.LiveAnswerAsync();

        using var result = await world.Gateway.Follower.GetAsync(redirect.Headers.Location);

        Assert.Equal(HttpStatusCode.BadGateway, result.StatusCode);
        Assert.Equal("failed", result.Headers.GetValues("Durable-Status").Single());
        Assert.Contains("/_durable/problems/nothing-pending", await result.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Suspended_WithAStepPending_DoesNotCountAsAFailedAttempt()
    {
        await using var world = await World.StartAsync("Durable:Policies:default:Retry:MaxAttempts=2");
        var attempt = await world.BeginAsync();
        foreach (var step in new[] { "a", "b", "c" })
        {
            Assert.Equal(HttpStatusCode.Accepted, (await attempt.FailAsync(step)).Status);
            attempt.Suspend();
            attempt = await world.NextAttemptAsync();
        }

        Assert.Equal("4", attempt.Request["Durable-Attempt"]);
        attempt.Answer(200, "done");
        using var redirect = await world.LiveAnswerAsync();
        Assert.Equal("done", await world.Gateway.Follower.GetStringAsync(redirect.Headers.Location));
    }

    [Fact]
    public async Task Steps_OfARun_AreListedInTheContractsShape()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("charge", """{"id":1}""", ("Durable-Step-Duration", "1.5"));
        await attempt.PutBytesAsync("img%20%C3%A4", [0, 255], ("Content-Type", "image/png"));
        await attempt.FailAsync("notify", ("Durable-Retry", "?0"));
        await attempt.FailAsync("pending");

        var answer = await attempt.GetAsync("/steps");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("application/json", answer["Content-Type"]);
        var steps = answer.Json.EnumerateArray().ToArray();
        Assert.All(steps, step => Assert.Equal(
            ["id", "type", "outcome", "contentType", "body", "attempt", "startedAt", "endedAt"],
            step.EnumerateObject().Select(member => member.Name)));
        Assert.Equal(
            [
                ("charge", "run", "completed", "application/json", "eyJpZCI6MX0=", 1),
                ("img ä", "run", "completed", "image/png", "AP8=", 1),
                ("notify", "run", "failed", "application/problem+json", Convert.ToBase64String("""{"title":"no"}"""u8), 1),
            ],
            steps.Select(step => (
                step.GetProperty("id").GetString(), step.GetProperty("type").GetString(), step.GetProperty("outcome").GetString(),
                step.GetProperty("contentType").GetString(), step.GetProperty("body").GetString(),
                step.GetProperty("attempt").GetInt32())));
        var ended = steps[0].GetProperty("endedAt").GetDateTimeOffset();
        Assert.Equal(TimeSpan.Zero, ended.Offset);
        Assert.Equal(1.5, (ended - steps[0].GetProperty("startedAt").GetDateTimeOffset()).TotalSeconds, 0.002);
    }

    [Fact]
    public async Task State_OfARun_HasTheContractsShape()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync();

        var unstored = (await attempt.GetAsync()).Json;
        Assert.Equal("running", unstored.GetProperty("state").GetString());
        Assert.Equal("[]", (await attempt.GetAsync("/steps")).Text);
        await attempt.PutAsync("a");
        await attempt.PutAsync("b");
        await attempt.FailAsync("c", ("Durable-Retry", "?0"));
        await attempt.FailAsync("d");
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();
        var answer = await attempt.GetAsync();

        Assert.Equal("application/json", answer["Content-Type"]);
        Assert.Equal(["runId", "state", "attempt", "steps", "startedAt", "nextAttemptAt"],
            answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(attempt.RunId, answer.Json.GetProperty("runId").GetString());
        Assert.Equal("waiting", answer.Json.GetProperty("state").GetString());
        Assert.Equal(1, answer.Json.GetProperty("attempt").GetInt32());
        Assert.Equal("""{"completed":2,"failed":1,"pending":1}""", answer.Json.GetProperty("steps").GetRawText());
        Assert.Equal(TimeSpan.Zero, answer.Json.GetProperty("nextAttemptAt").GetDateTimeOffset().Offset);
    }

    [Fact]
    public async Task Steps_WithSlashEncodedOrNot_AreDifferent()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();

        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("a%2Fb")).Status);
        Assert.Equal(HttpStatusCode.OK, (await attempt.PutAsync("a%2fb")).Status);
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("a%252Fb")).Status);
        Assert.Equal(HttpStatusCode.OK, (await attempt.PutAsync("%61%2Fb")).Status);

        var ids = (await attempt.GetAsync("/steps")).Json.EnumerateArray().Select(step => step.GetProperty("id").GetString());
        Assert.Equal(["a/b", "a%2Fb"], ids);
    }

    [Fact]
    public async Task Steps_OfAReplay_AreInlinedAsTheContractSays()
    {
        await using var world = await World.StartAsync();
        var first = await world.BeginAsync();
        await first.PutAsync("charge", """{"id":1}""");
        await first.PutAsync("a%2F%22%5C", "1");
        await first.PutAsync("sch%C3%B6n", "2");
        await first.PutAsync("text", "x", ("Content-Type", "text/plain; charset=utf-8"));
        await first.PutAsync("bad", "y", ("Content-Type", "text/plain"), ("Durable-Step-Outcome", "failed"), ("Durable-Retry", "?0"));
        await first.PutAsync("none", "");
        await first.FailAsync("pending", ("Retry-After", "3600"));
        first.Answer(503);

        var second = await world.NextAttemptAsync();

        Assert.Equal("6", second.Request["Durable-Step-Count"]);
        Assert.Equal(
            string.Join(", ",
            [
                """ "charge";ok=:eyJpZCI6MX0=: """.Trim(), """ "a/\"\\";ok=:MQ==: """.Trim(),
                """ "text";ok=:eA==:;ct="text/plain; charset=utf-8" """.Trim(),
                """ "bad";err=:eQ==:;ct="text/plain" """.Trim(), """ "none";ok=:: """.Trim(),
            ]),
            second.Request["Durable-Steps"]);
        Assert.Equal(6, (await second.GetAsync("/steps")).Json.GetArrayLength());
    }

    [Fact]
    public async Task Steps_BeyondTheBudget_AreCountedAndLeftOut()
    {
        await using var world = await World.StartAsync();
        var first = await world.BeginAsync();
        await first.PutAsync("small");
        await first.PutAsync("large", new string('1', 4096));
        for (var i = 0; i < 300; i++) await first.PutAsync(string.Create(CultureInfo.InvariantCulture, $"s{i}"), "1234567");
        first.Answer(503);

        var second = await world.NextAttemptAsync();

        Assert.Equal("302", second.Request["Durable-Step-Count"]);
        var header = second.Request["Durable-Steps"]!;
        Assert.InRange(header.Length, 3900, 4096);
        Assert.StartsWith("\"small\";ok=:MQ==:, \"s0\";ok=", header, StringComparison.Ordinal);
        Assert.DoesNotContain("large", header, StringComparison.Ordinal);
        Assert.Equal(302, (await second.GetAsync("/steps")).Json.GetArrayLength());
    }

    [Fact]
    public async Task Put_OfAContentTypeBeyondAscii_CanBeReadBack()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        var stored = await attempt.PutAsync("charge", "1", ("Content-Type", "text/plain; name=\u00e4"));
        if (stored.Status == HttpStatusCode.BadRequest) return;

        var again = await attempt.PutAsync("charge", "2");

        Assert.Equal(HttpStatusCode.OK, again.Status);
    }
}
