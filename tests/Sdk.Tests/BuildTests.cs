using System.Net;
using System.Text.Json;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>The headers with the build of a host, and with the differences between its handler and the stored steps.</summary>
public sealed class BuildTests
{
    [Theory]
    [InlineData("1.2.3+abc", "\"1.2.3+abc\"")]
    [InlineData("a\"b\\c", "\"a\\\"b\\\\c\"")]
    [InlineData("grün 1", "\"gr%C3%BCn%201\"")]
    [InlineData("", null)]
    [InlineData(null, null)]
    public async Task Build_IsOnAnswersAndPuts(string? build, string? header)
    {
        var run = new FakeRun();
        var options = new DurableStepsOptions { Build = build };

        var completed = await run.AttemptAsync(step => step.RunAsync("a", _ => Task.CompletedTask), options: options);
        var suspended = await run.AttemptAsync(step => step.SleepAsync("nap", TimeSpan.FromDays(1)), options: options);
        var failed = await run.AttemptAsync(step => step.RunAsync("pay", _ => throw new NonRetryableException("declined"),
            new StepOptions { AtMostOnce = true }), options: options);

        Assert.All([completed, suspended, failed], verdict => Assert.Equal(header, verdict.Header("Durable-Build")));
        Assert.All(run.Gateway.Puts, call => Assert.Equal(header, call["Durable-Build"]));
        Assert.Equal(4, run.Gateway.Puts.Count());
    }

    [Fact]
    public async Task EachAnswerOfADurableAttempt_BearsTheBuild()
    {
        await using var service = await StartAsync();

        foreach (var path in new[] { "/", "/fails", "/sleeps", "/throws" })
        {
            using var response = await service.AttemptAsync(path);
            Assert.Equal("\"7.7\"", response.Header("Durable-Build"));
        }
    }

    [Fact]
    public async Task PlainRequest_IsAnsweredWithoutIt()
    {
        await using var service = await StartAsync();

        using var response = await service.Client.GetAsync(new Uri("/", UriKind.Relative));

        Assert.Null(response.Header("Durable-Build"));
    }

    [Fact]
    public async Task Mismatch_IsOnTheHandlersOwnResponse()
    {
        await using var service = await StartAsync();

        using var response = await service.AttemptAsync("/", FakeGateway.Headers("\"a\";ok=:MQ==:;t=wait, \"gone\";ok=:MQ==:", 2));

        Assert.Equal((HttpStatusCode.OK, "1"), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Equal("\"a\";stored=wait;asked=run, \"gone\";unused", response.Header("Durable-Mismatch"));
    }

    [Fact]
    public async Task Mismatch_IsOnTheAnswerOfAFinalFailure()
    {
        await using var service = await StartAsync();

        using var response = await service.AttemptAsync("/fails", FakeGateway.Headers("\"gone\";ok=:MQ==:", 1));

        Assert.Equal(("?0", "\"gone\";unused"), (response.Header("Durable-Retry"), response.Header("Durable-Mismatch")));
    }

    [Theory]
    [InlineData("/throws")]
    [InlineData("/sleeps")]
    [InlineData("/busy")]
    public async Task WhatAHandlerDidNotReach_IsNoMismatch(string path)
    {
        await using var service = await StartAsync();

        using var response = await service.AttemptAsync(path, FakeGateway.Headers("\"later\";ok=:MQ==:", 1));

        Assert.Null(response.Header("Durable-Mismatch"));
    }

    [Fact]
    public async Task Rollback_InTheLastAttempt_IsExecuted_AndTheProblemIsTheAnswer()
    {
        var gateway = new FakeGateway();
        await using var service = await StartAsync(gateway);
        var headers = FakeGateway.Headers();
        headers["Durable-Final-Attempt"] = "?1";

        using var response = await service.AttemptAsync("/throws", headers);

        Assert.Equal((HttpStatusCode.InternalServerError, "?0"), (response.StatusCode, response.Header("Durable-Retry")));
        Assert.Equal("The request failed", (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("title").GetString());
        Assert.Equal(["rollback%20begun", "undo"], gateway.Puts.Select(call => call.Step));
    }

    private static Task<SdkService> StartAsync(FakeGateway? gateway = null) => SdkService.StartAsync(
        app =>
        {
            app.UseExceptionHandler(handler => handler.Run(context => context.Response.WriteAsync("the host's own page")));
            app.MapGet("/", (IStep step) => step.RunAsync("a", _ => Task.FromResult(1))).WithDurableSteps();
            app.MapGet("/fails", (IStep step) => step.RunAsync("pay", _ => throw new NonRetryableException("declined"))).WithDurableSteps();
            app.MapGet("/sleeps", (IStep step) => step.SleepAsync("nap", TimeSpan.FromDays(1))).WithDurableSteps();
            app.MapGet("/busy", () => TypedResults.StatusCode(503)).WithDurableSteps();
            app.MapGet("/throws", string (IStep step) =>
            {
                step.OnRollback("undo", _ => Task.CompletedTask);
                throw new InvalidOperationException("mine");
            }).WithDurableSteps();
        },
        gateway ?? FakeGateway.With(call => call["Durable-Step-Type"] == "sleep" ? Answer.Later : null),
        services => services.Configure<DurableStepsOptions>(options => options.Build = "7.7"));
}
