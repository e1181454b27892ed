using System.Diagnostics;
using System.Net;
using System.Text;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>A client that follows redirects, the real gateway, and a real service with the SDK.</summary>
public sealed class EndToEndTests(Journeys journeys) : IClassFixture<Journeys>
{
    [Theory]
    [InlineData("minimal")]
    [InlineData("group")]
    [InlineData("mvc")]
    [InlineData("handled")]
    [InlineData("plain")]
    public async Task FailsMidWay_ComesHome_AndEachFinishedStepWasExecutedOnce(string host)
    {
        var journey = new Journey(async (step, context, me) =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var body = await reader.ReadToEndAsync();
            var search = await step.RunAsync("search", _ => Task.FromResult(new Order(me.Count("search"), body)));
            var reserve = await step.RunAsync("reserve",
                _ => me.Count("reserve") < 3 ? throw new TimeoutException("airline") : Task.FromResult("12A"));
            await step.RunAsync("notify", _ => Task.FromResult(me.Count("notify")));
            context.Response.StatusCode = 201;
            context.Response.Headers["X-Attempt"] = $"{step.Run.Attempt}";
            await context.Response.WriteAsync($"{search.Id} {search.Name} {reserve}");
        });

        using var response = await SendAsync(host, journey);

        Assert.Equal((HttpStatusCode.Created, "1 the body 12A"), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Equal("completed", response.Header("Durable-Status"));
        Assert.Equal((1, 3, 1), (journey.Executed("search"), journey.Executed("reserve"), journey.Executed("notify")));
        Assert.Equal(3, journey.Attempts);
    }

    [Fact]
    public async Task NothingFails_IsOneAttemptWithoutARedirect()
    {
        var journey = new Journey(async (step, context, me) =>
            await context.Response.WriteAsJsonAsync(await step.RunAsync("a", _ => Task.FromResult(me.Count("a")))));

        using var response = await SendAsync("minimal", journey);

        Assert.Equal((HttpStatusCode.OK, "1"), (response.StatusCode, await response.Content.ReadAsStringAsync()));
        Assert.Null(response.Header("Durable-Status"));
        Assert.Equal(1, journey.Attempts);
    }

    [Theory]
    [InlineData("minimal")]
    [InlineData("plain")]
    public async Task InParallel_OneIsRetried_TheOthersAreExecutedOnce(string host)
    {
        var journey = new Journey(async (step, context, me) =>
        {
            var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var results = await Task.WhenAll(
                step.RunAsync("flight", _ =>
                {
                    failed.TrySetResult();
                    return me.Count("flight") < 3 ? throw new TimeoutException("airline") : Task.FromResult("F");
                }),
                step.RunAsync("hotel", _ => Task.FromResult($"H{me.Count("hotel")}")),
                step.RunAsync("car", async _ =>
                {
                    // It still executes when the flight fails.
                    await failed.Task;
                    return $"C{me.Count("car")}";
                }));
            await context.Response.WriteAsync(string.Concat(results));
        });

        using var response = await SendAsync(host, journey);

        Assert.Equal("FH1C1", await response.Content.ReadAsStringAsync());
        Assert.Equal((3, 1, 1), (journey.Executed("flight"), journey.Executed("hotel"), journey.Executed("car")));
    }

    [Fact]
    public async Task Sleep_ParksTheRun_AndTheHandlerGoesOnAfterIt()
    {
        var journey = new Journey(async (step, context, me) =>
        {
            await step.RunAsync("before", _ => Task.FromResult(me.Count("before")));
            await step.SleepAsync("nap", TimeSpan.FromMilliseconds(300));
            await step.SleepUntilAsync("no nap", DateTimeOffset.UnixEpoch);
            await context.Response.WriteAsync($"{await step.RunAsync("after", _ => Task.FromResult(me.Count("after")))}");
        });

        var watch = Stopwatch.StartNew();
        using var response = await SendAsync("minimal", journey);

        Assert.Equal("1", await response.Content.ReadAsStringAsync());
        Assert.InRange(watch.ElapsedMilliseconds, 290, 60_000);
        Assert.Equal((1, 1, 2), (journey.Executed("before"), journey.Executed("after"), journey.Attempts));
    }

    [Theory]
    [InlineData("minimal")]
    [InlineData("mvc")]
    public async Task FinalFailure_IsCompensatedOnce_AndTheHandlersAnswerIsTheResult(string host)
    {
        var journey = new Journey(async (step, context, me) =>
        {
            await step.RunAsync("charge", _ => Task.FromResult(me.Count("charge")));
            try
            {
                await step.RunAsync("label", _ =>
                    me.Count("label") < 2 ? throw new TimeoutException("printer") : throw new NonRetryableException("no such country"));
            }
            catch (StepFailedException e)
            {
                await step.RunAsync("refund", _ => me.Count("refund") < 2 ? throw new TimeoutException("bank") : Task.CompletedTask);
                context.Response.StatusCode = 409;
                await context.Response.WriteAsync($"{e.Step}: {e.Problem.Detail} ({e.Problem.ExceptionType})");
            }
        });

        using var response = await SendAsync(host, journey);

        Assert.Equal(HttpStatusCode.Conflict, response.StatusCode);
        Assert.Equal($"label: no such country ({typeof(NonRetryableException).FullName})", await response.Content.ReadAsStringAsync());
        Assert.Equal("completed", response.Header("Durable-Status"));
        Assert.Equal((1, 2, 2), (journey.Executed("charge"), journey.Executed("label"), journey.Executed("refund")));
    }

    [Fact]
    public async Task TriesUsedUp_FailTheRunWithTheStepsProblem()
    {
        var journey = new Journey((step, _, me) =>
            step.RunAsync("label", _ => throw new TimeoutException($"printer jammed {me.Count("label")}")));

        using var response = await SendAsync("minimal", journey);

        Assert.Equal((HttpStatusCode.InternalServerError, "failed"), (response.StatusCode, response.Header("Durable-Status")));
        Assert.Equal("""{"title":"A step of the request failed","step":"label","status":500}""",
            await response.Content.ReadAsStringAsync());
        Assert.Equal(Journeys.MaxAttempts, journey.Executed("label"));
    }

    [Fact]
    public async Task LargeOutcomesAndOddNames_AreFetched_AndComeBackAsTheyWere()
    {
        string[] names = ["a/b", "100%", "#1", "a b", "straße", "🚀", "\"q\\\"", "a?b&c", "...", "%2F", "a+b"];
        var journey = new Journey(async (step, context, me) =>
        {
            var text = new StringBuilder();
            foreach (var name in names) text.Append(await step.RunAsync(name, _ => Task.FromResult(me.Count(name) + name)));
            var big = await step.RunAsync("big", _ => Task.FromResult(new string('x', 6000) + me.Count("big")));
            var bytes = await step.RunAsync("bytes",
                _ => Task.FromResult(Enumerable.Range(me.Count("bytes"), 50_000).Select(i => (byte)i).ToArray()));
            await using var stream = await step.RunAsync("stream",
                _ => Task.FromResult<Stream>(new MemoryStream([(byte)me.Count("stream"), 2])));
            await step.RunAsync("fails", _ => me.Count("fails") < 3 ? throw new TimeoutException() : Task.CompletedTask);
            await context.Response.WriteAsync($"{text} {big.Length} {big[^1]} {bytes.Length} {bytes[0]} {stream.ReadByte()}");
        });

        using var response = await SendAsync("minimal", journey);

        Assert.Equal($"{string.Concat(names.Select(name => 1 + name))} 6001 1 50000 1 1", await response.Content.ReadAsStringAsync());
        Assert.All([.. names, "big", "bytes", "stream"], name => Assert.Equal(1, journey.Executed(name)));
        Assert.Equal(3, journey.Attempts);
    }

    [Fact]
    public async Task Loop_WithOneName_ExecutesEachRoundOnce()
    {
        var journey = new Journey(async (step, context, me) =>
        {
            var results = new List<int>();
            for (var i = 0; i < 5; i++)
            {
                results.Add(await step.RunAsync("item", _ => Task.FromResult(me.Count("item"))));
                await step.RunAsync("pause", _ => me.Count("pause") % 2 == 1 ? throw new TimeoutException() : Task.CompletedTask);
            }

            await context.Response.WriteAsJsonAsync(results);
        });

        using var response = await SendAsync("minimal", journey);

        Assert.Equal("[1,2,3,4,5]", await response.Content.ReadAsStringAsync());
        Assert.Equal((5, 10), (journey.Executed("item"), journey.Executed("pause")));
    }

    [Theory]
    [InlineData("minimal")]
    [InlineData("handled")]
    public async Task SwallowedSuspension_StillSuspends(string host)
    {
        var journey = new Journey(async (step, context, me) =>
        {
            var label = "none";
            try
            {
                label = await step.RunAsync("label",
                    _ => me.Count("label") < 3 ? throw new TimeoutException("printer") : Task.FromResult("L"));
            }
            catch (Exception)
            {
                // A careless handler does this.
            }

            await context.Response.WriteAsync(label);
        });

        using var response = await SendAsync(host, journey);

        Assert.Equal("L", await response.Content.ReadAsStringAsync());
        Assert.Equal(3, journey.Executed("label"));
    }

    [Fact]
    public async Task SwallowedSuspension_CompensatesNothing()
    {
        var journey = new Journey(async (step, context, me) =>
        {
            try
            {
                await step.RunAsync("label", _ => me.Count("label") < 3 ? throw new TimeoutException("printer") : Task.CompletedTask);
            }
            catch (Exception)
            {
                await step.RunAsync("refund", _ => Task.FromResult(me.Count("refund")));
            }

            await context.Response.WriteAsync("done");
        });

        using var response = await SendAsync("minimal", journey);

        Assert.Equal("done", await response.Content.ReadAsStringAsync());
        Assert.Equal(0, journey.Executed("refund"));
    }

    [Fact]
    public async Task HandlersOwnException_IsRetried_AndStepsAreNotExecutedAgain()
    {
        var journey = new Journey(async (step, context, me) =>
        {
            await step.RunAsync("a", _ => Task.FromResult(me.Count("a")));
            if (me.Count("handler") < 3) throw new InvalidOperationException("mine");
            await context.Response.WriteAsync("done");
        });

        using var response = await SendAsync("mvc", journey);

        Assert.Equal("done", await response.Content.ReadAsStringAsync());
        Assert.Equal((1, 3), (journey.Executed("a"), journey.Executed("handler")));
    }

    [Theory]
    [InlineData("minimal")]
    [InlineData("plain")]
    public async Task ResponseThatBeganBeforeTheFailure_IsNotTheResult(string host)
    {
        var journey = new Journey(async (step, context, me) =>
        {
            await context.Response.WriteAsync("first,");
            await context.Response.Body.FlushAsync();
            await step.RunAsync("label", _ => me.Count("label") < 2 ? throw new TimeoutException("printer") : Task.CompletedTask);
            await context.Response.WriteAsync("second");
        });
        using var request = new HttpRequestMessage(HttpMethod.Post, journeys.Add(host, journey));

        using var live = await journeys.Gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await Assert.ThrowsAnyAsync<Exception>(() => live.Content.ReadAsStringAsync());
        using var response = await journeys.Gateway.Follower.GetAsync(new Uri(live.Header("Durable-Result")!, UriKind.RelativeOrAbsolute));

        Assert.Equal("first,second", await response.Content.ReadAsStringAsync());
        Assert.Equal(2, journey.Executed("label"));
    }

    [Fact]
    public async Task ResultLargerThanThePolicyAllows_FailsTheStepForGood()
    {
        var journey = new Journey(async (step, context, me) =>
        {
            try
            {
                await step.RunAsync("huge", _ => Task.FromResult(new byte[200_000 + me.Count("huge")]));
            }
            catch (StepFailedException e)
            {
                await context.Response.WriteAsync(e.Problem.Detail!);
            }
        });

        using var response = await SendAsync("minimal", journey);

        Assert.Contains("200001 bytes", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(1, journey.Executed("huge"));
    }

    [Fact]
    public async Task RetryAfter_IsWaitedFor()
    {
        var watch = Stopwatch.StartNew();
        var journey = new Journey((step, _, me) => step.RunAsync(
            "busy", _ => me.Count("busy") == 1 ? throw new RetryAfterException(TimeSpan.FromSeconds(0.7)) : Task.CompletedTask));

        using var response = await SendAsync("minimal", journey);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(0.7), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Misuse_EndsTheRunAtOnce()
    {
        var journey = new Journey((step, _, _) =>
            step.RunAsync("outer", async token => await step.RunAsync("inner", _ => Task.CompletedTask, token)));

        using var response = await SendAsync("minimal", journey);

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Equal(1, journey.Attempts);
    }

    private async Task<HttpResponseMessage> SendAsync(string host, Journey journey)
    {
        using var body = new StringContent("the body");
        return await journeys.Gateway.Follower.PostAsync(new Uri(journeys.Add(host, journey), UriKind.Relative), body)
            .WaitAsync(TimeSpan.FromSeconds(60));
    }
}
