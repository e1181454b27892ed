using System.Net;
using System.Text.Json;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>The SDK in a host: the response for each end of an attempt.</summary>
public sealed class AspNetCoreTests
{
    /// <summary>The handler succeeds in this attempt, but its response must not become the result, because the run rolls back.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ReplayOfARunThatRollsBack_SendsNothingOfTheHandlersResponse(bool flushes)
    {
        const string Begun = """
            [{"id":"rollback begun","type":"run","outcome":"failed","contentType":"application/problem+json",
              "body":"eyJ0aXRsZSI6Im5vIiwiZGV0YWlsIjoibWluZSJ9","attempt":1}]
            """;
        var undone = 0;
        var gateway = FakeGateway.With(call => call.Method == "GET" ? new Answer(200, Begun) : null);
        await using var service = await SdkService.StartAsync(app => app.MapGet("/trip", async (HttpContext context, IStep step) =>
        {
            step.OnRollback("undo", _ =>
            {
                undone++;
                return Task.CompletedTask;
            });
            context.Response.ContentLength = 2;
            await context.Response.WriteAsync("ok");
            if (flushes) await context.Response.CompleteAsync();
        }).WithDurableSteps(), gateway);

        using var response = await service.AttemptAsync("/trip", FakeGateway.Headers(count: 1, attempt: 2));

        Assert.Equal(("?0", 1), (response.Header("Durable-Retry"), undone));
        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task Completed_IsTheHandlersOwnResponse()
    {
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", async (IStep step) => TypedResults.Created("/1",
                new { Charge = await step.RunAsync("charge", _ => Task.FromResult(5)) })).WithDurableSteps(),
            new FakeGateway());

        using var response = await service.AttemptAsync("/");

        Assert.Equal((HttpStatusCode.Created, """{"charge":5}"""), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Null(response.Header("Durable-Retry"));
        Assert.Null(response.Header("Durable-Suspended"));
    }

    [Fact]
    public async Task Suspended_Is202WithTheHeader_AndNothingOfTheHandler()
    {
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", async (IStep step, HttpContext context) =>
            {
                context.Response.Headers["X-Partial"] = "1";
                await step.RunAsync("label", _ => throw new TimeoutException());
                return "done";
            }).WithDurableSteps(),
            FakeGateway.That(Answer.Later));

        using var response = await service.AttemptAsync("/");

        Assert.Equal((HttpStatusCode.Accepted, "?1", ""),
            (response.StatusCode, response.Header("Durable-Suspended"), await response.Content.ReadAsStringAsync()));
        Assert.Null(response.Header("X-Partial"));
    }

    [Fact]
    public async Task Suspended_ThoughTheHandlerMadeAResponseOfIt()
    {
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", async (IStep step) =>
            {
                try
                {
                    await step.RunAsync("label", _ => throw new TimeoutException());
                    return (IResult)TypedResults.Ok();
                }
                catch (Exception)
                {
                    return (IResult)TypedResults.Conflict("swallowed");
                }
            }).WithDurableSteps(),
            FakeGateway.That(Answer.Later));

        using var response = await service.AttemptAsync("/");

        Assert.Equal("?1", response.Header("Durable-Suspended"));
    }

    [Fact]
    public async Task Suspended_AfterTheResponseBegan_CutsItOff()
    {
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", async (IStep step, HttpContext context) =>
            {
                await context.Response.WriteAsync("the first half");
                await context.Response.Body.FlushAsync();
                await step.RunAsync("label", _ => throw new TimeoutException());
                await context.Response.WriteAsync(" and the second");
            }).WithDurableSteps(),
            FakeGateway.That(Answer.Later));

        // A complete response would become the run's result.
        await Assert.ThrowsAsync<HttpRequestException>(() => service.AttemptAsync("/"));
    }

    [Fact]
    public async Task FinalFailure_IsAProblemWithoutAStackTrace()
    {
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", (IStep step) => step.RunAsync("pay",
                _ => throw new NonRetryableException("05") { ClientMessage = "declined" })).WithDurableSteps(),
            new FakeGateway());

        using var response = await service.AttemptAsync("/");

        Assert.Equal((HttpStatusCode.InternalServerError, "?0"), (response.StatusCode, response.Header("Durable-Retry")));
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(("declined", "pay"), (problem.GetProperty("detail").GetString(), problem.GetProperty("step").GetString()));
        Assert.Equal(["detail", "status", "step", "title"],
            problem.EnumerateObject().Select(member => member.Name).Where(name => name != "type").Order());
    }

    [Fact]
    public async Task RefusedCheckpoint_FailsTheAttempt_ThoughTheHandlerSwallowsIt()
    {
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", async (IStep step) =>
            {
                try
                {
                    await step.RunAsync("charge", _ => Task.FromResult(1));
                }
                catch (CheckpointException)
                {
                    // The handler responds as if it had succeeded.
                }
            }).WithDurableSteps(),
            FakeGateway.That(Answer.Problem(401, "token-invalid")));

        using var response = await service.AttemptAsync("/");

        Assert.Equal((HttpStatusCode.InternalServerError, "?1"), (response.StatusCode, response.Header("Durable-Retry")));
    }

    [Fact]
    public async Task HandlersOwnException_IsTheHostsAffair()
    {
        await using var service = await SdkService.StartAsync(
            app =>
            {
                app.UseExceptionHandler(handler => handler.Run(context => context.Response.WriteAsync("the host's own page")));
                app.MapGet("/", (IStep step) => step.RunAsync("a",
                    _ => Task.FromResult(1)).ContinueWith<int>(_ => throw new InvalidOperationException("mine"), TaskScheduler.Default))
                    .WithDurableSteps();
            },
            new FakeGateway());

        using var response = await service.AttemptAsync("/");

        Assert.Equal((HttpStatusCode.InternalServerError, "the host's own page"),
            (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Null(response.Header("Durable-Retry"));
    }

    [Fact]
    public async Task WithoutGatewayHeaders_SimplyRuns()
    {
        var gateway = new FakeGateway();
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", async (IStep step) => $"{await step.RunAsync("charge", _ => Task.FromResult(5))} {step.Run.IsDurable}")
                .WithDurableSteps(), gateway);

        Assert.Equal("5 False", await service.Client.GetStringAsync(new Uri("/", UriKind.Relative)));
        Assert.Empty(gateway.Calls);
    }

    [Fact]
    public async Task AnotherVersion_Is500_AndTheHandlerIsNotExecuted()
    {
        var executed = false;
        await using var service = await SdkService.StartAsync(app => app.MapGet("/", () => executed = true).WithDurableSteps(),
            new FakeGateway());
        var headers = FakeGateway.Headers();
        headers["Durable-Protocol"] = "2";

        using var response = await service.AttemptAsync("/", headers);

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Contains("version '2'", (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("detail").GetString(),
            StringComparison.Ordinal);
        Assert.False(executed);
    }

    [Fact]
    public async Task MalformedOutcomes_Are500_AndTheHandlerIsNotExecuted()
    {
        var executed = false;
        await using var service = await SdkService.StartAsync(app => app.MapGet("/", () => executed = true).WithDurableSteps(),
            new FakeGateway());

        using var response = await service.AttemptAsync("/", FakeGateway.Headers("\"a\";ok=:!:", 1));

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.NotEqual("?0", response.Header("Durable-Retry"));
        Assert.False(executed);
    }

    [Fact]
    public async Task WrappedTwice_IsOneAttempt()
    {
        var gateway = FakeGateway.That(Answer.Later);
        await using var service = await SdkService.StartAsync(
            app =>
            {
                app.UseDurableSteps();
                app.MapGroup("/group").WithDurableSteps()
                    .MapGet("/one", (IStep step) => step.RunAsync("a", _ => throw new TimeoutException())).WithDurableSteps();
            },
            gateway);

        using var response = await service.AttemptAsync("/group/one");

        Assert.Equal("?1", response.Header("Durable-Suspended"));
        Assert.Single(gateway.Puts);
    }

    [Fact]
    public async Task Head_IsAnsweredWithoutABody()
    {
        await using var service = await SdkService.StartAsync(
            app => app.MapMethods("/", ["HEAD"], (IStep step) => step.RunAsync("pay", _ => throw new NonRetryableException("declined")))
                .WithDurableSteps(), new FakeGateway());

        using var response = await service.AttemptAsync("/", method: HttpMethod.Head);

        Assert.Equal((HttpStatusCode.InternalServerError, "?0"), (response.StatusCode, response.Header("Durable-Retry")));
    }

    [Fact]
    public async Task Results_AreWrittenWithTheOptionsOfMinimalApis()
    {
        var gateway = new FakeGateway();
        await using var service = await SdkService.StartAsync(
            app => app.MapGet("/", (IStep step) => step.RunAsync("charge", _ => Task.FromResult(new Order(1, null)))).WithDurableSteps(),
            gateway, services => services.ConfigureHttpJsonOptions(json =>
                json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.KebabCaseUpper));

        using var response = await service.AttemptAsync("/");

        Assert.Equal("""{"ID":1,"NAME":null}""", Assert.Single(gateway.Puts).Text);
    }
}
