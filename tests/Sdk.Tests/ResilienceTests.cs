using System.Diagnostics;
using System.Net;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Checkpoint calls without an answer, or with <c>503</c>. The delays are real: about three seconds if all calls fail.</summary>
public sealed class ResilienceTests
{
    private static readonly Answer Away = new(503, """{"title":"store-unavailable"}""", "application/problem+json", ("Retry-After", "1"));

    [Theory]
    [InlineData(503)]
    [InlineData(0)]
    public async Task NoAnswerAtFirst_IsRepeated_AndTheStepIsExecutedOnce(int status)
    {
        var calls = 0;
        var gateway = FakeGateway.With(_ =>
            Interlocked.Increment(ref calls) > 2 ? null : status == 0 ? throw new HttpRequestException("refused") : Away);
        var executed = 0;
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", (IStep step) => step.RunAsync("charge", _ => Task.FromResult(++executed))).WithDurableSteps(), gateway);

        using var response = await service.AttemptAsync("/");

        Assert.Equal((HttpStatusCode.OK, "1"), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Equal(1, executed);
        Assert.Equal(["1", "1", "1"], gateway.Puts.Select(call => call.Text));
        Assert.All(gateway.Puts, call => Assert.Equal(FakeGateway.Token, call["Durable-Token"]));
    }

    [Fact]
    public async Task NoAnswerAtAll_IsRepeatedAFewTimes_ThenFailsTheAttempt()
    {
        var gateway = FakeGateway.That(Away);
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", (IStep step) => step.RunAsync("charge", _ => Task.FromResult(1))).WithDurableSteps(), gateway);
        var watch = Stopwatch.StartNew();

        using var response = await service.AttemptAsync("/");

        Assert.Equal((HttpStatusCode.InternalServerError, "?1"), (response.StatusCode, response.Header("Durable-Retry")));
        Assert.InRange(gateway.Puts.Count(), 3, 6);
        Assert.InRange(watch.Elapsed, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task NoAnswerAtTheFirstAddress_GoesOnAtTheSecond()
    {
        var gateway = FakeGateway.With(call => call.Url.StartsWith(FakeGateway.Url, StringComparison.Ordinal) ? Away : null);
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", (IStep step) => step.RunAsync("charge", _ => Task.FromResult(1))).WithDurableSteps(), gateway);

        using var response = await service.AttemptAsync("/", FakeGateway.Headers(callback: FakeGateway.Url + ", " + FakeGateway.OtherUrl));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.StartsWith(FakeGateway.OtherUrl, gateway.Calls.Last().Url, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(404)]
    [InlineData(422)]
    [InlineData(502)]
    public async Task OtherRefusals_AreNotRepeated(int status)
    {
        var gateway = FakeGateway.That(Answer.Problem(status, "no"));
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", (IStep step) => step.RunAsync("charge", _ => Task.FromResult(1))).WithDurableSteps(), gateway);

        using var response = await service.AttemptAsync("/");

        Assert.Equal((HttpStatusCode.InternalServerError, "?1"), (response.StatusCode, response.Header("Durable-Retry")));
        Assert.Single(gateway.Calls);
    }
}
