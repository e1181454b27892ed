using System.Text;
using System.Text.Json;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>The response for each end of the handler (§4 of the contract).</summary>
public sealed class VerdictTests
{
    [Fact]
    public async Task FailureThatIsCaught_LetsTheHandlerCompensate()
    {
        var gateway = new FakeGateway();

        var verdict = await gateway.RunAsync(async step =>
        {
            try
            {
                await step.RunAsync("pay", _ => throw new NonRetryableException("declined"));
            }
            catch (StepFailedException)
            {
                await step.RunAsync("release", _ => Task.CompletedTask);
            }
        });

        Assert.True(verdict.IsCompleted);
        Assert.Equal(["pay", "release"], gateway.Puts.Select(call => call.Step));
    }

    [Fact]
    public async Task FailureThatIsNotCaught_IsFinal_AndShowsNothingOfTheInside()
    {
        var verdict = await new FakeGateway()
            .RunAsync(step => step.RunAsync("pay", _ => throw new NonRetryableException("acquirer said 05")), options: new());

        verdict.AssertFailed("?0");
        Assert.Equal("""{"title":"A step of the request failed","step":"pay","status":500}""", Encoding.UTF8.GetString(verdict.Problem!));
    }

    [Fact]
    public async Task FailureThatIsNotCaught_TellsTheClientWhatIsMeantForIt_InAReplayToo()
    {
        var gateway = new FakeGateway();
        Task Handler(IStep step) =>
            step.RunAsync("pay", _ => throw new NonRetryableException("acquirer said 05") { ClientMessage = "Your card was declined." });

        var first = await gateway.RunAsync(Handler, options: new());
        var again = await gateway.RunAsync(Handler,
            steps: $"\"pay\";err=:{Convert.ToBase64String(Assert.Single(gateway.Puts).Body)}:", options: new());

        Assert.All([first, again], verdict => Assert.Equal(
            """{"title":"A step of the request failed","detail":"Your card was declined.","step":"pay","status":500}""",
            Encoding.UTF8.GetString(verdict.Problem!)));
    }

    [Fact]
    public async Task FailureOfTheHandlerItself_ShowsNothingOfTheInside()
    {
        var verdict = await new FakeGateway().RunAsync(_ => throw new NonRetryableException("host db-7 is gone"), options: new());

        Assert.Equal("""{"title":"The request failed","status":500}""", Encoding.UTF8.GetString(verdict.Problem!));
    }

    [Fact]
    public async Task RefusedCheckpoint_ShowsNothingOfTheInside()
    {
        var verdict = await FakeGateway.That(Answer.Problem(401,
            "token-invalid")).RunAsync(step => step.RunAsync("pay", _ => Task.CompletedTask), options: new());

        verdict.AssertFailed("?1");
        Assert.Equal("""{"title":"The request failed","status":500}""", Encoding.UTF8.GetString(verdict.Problem!));
    }

    [Fact]
    public async Task Misuse_ShowsNothingOfTheInside()
    {
        var verdict = await new FakeGateway().RunAsync(step => step.RunAsync("pay", _ => Task.FromResult<Type>(typeof(VerdictTests))),
            options: new());

        verdict.AssertFailed("?0");
        Assert.DoesNotContain("VerdictTests", Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
        Assert.DoesNotContain("System.", Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task FailureOfAnInvokedService_IsNotShown()
    {
        var problem = Convert.ToBase64String("""{"type":"https://inner.example/secret","title":"Secret","detail":"db-7","status":500}"""u8);

        var verdict = await new FakeGateway().RunAsync(step => step.InvokeAsync<int>("bill", "/inner"),
            steps: $"\"bill\";err=:{problem}:;t=invoke", options: new());

        Assert.Equal("""{"title":"A step of the request failed","step":"bill","status":500}""", Encoding.UTF8.GetString(verdict.Problem!));
    }

    [Fact]
    public async Task InDevelopment_TypeAndMessageAreShown_AndNoStack()
    {
        var verdict = await new FakeGateway().RunAsync(step => step.RunAsync("pay", _ => throw new NonRetryableException("declined")));

        using var problem = JsonDocument.Parse(verdict.Problem!);
        Assert.Equal("declined", problem.RootElement.GetProperty("detail").GetString());
        Assert.Equal(typeof(NonRetryableException).FullName, problem.RootElement.GetProperty("exceptionType").GetString());
        Assert.DoesNotContain("stackTrace", Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task StoredFailureThatIsNotCaught_ShowsNothingOfTheInsideEither()
    {
        var stored = Convert.ToBase64String(
            """{"title":"TimeoutException","detail":"slow","exceptionType":"System.TimeoutException","stackTrace":"at Secret"}"""u8);

        var verdict = await new FakeGateway().RunAsync(step => step.RunAsync("pay", _ => Task.FromResult(1)),
            steps: $"\"pay\";err=:{stored}:");

        verdict.AssertFailed("?0");
        Assert.DoesNotContain("Secret", Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HandlersOwnException_PassesToTheHost()
    {
        using var attempt = new FakeGateway().Begin();
        var own = new InvalidOperationException("mine");

        Assert.Same(own, await Assert.ThrowsAsync<InvalidOperationException>(() => attempt.RunAsync(_ => throw own)));
    }

    [Fact]
    public async Task HandlersOwnException_WaitsForRunningSteps()
    {
        var gateway = new FakeGateway();
        var body = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var attempt = gateway.Begin();

        var running = attempt.RunAsync(token =>
        {
            _ = attempt.Step.RunAsync("slow", _ => body.Task, token);
            throw new InvalidOperationException("mine");
        });
        Assert.False(running.IsCompleted);
        body.SetResult(1);

        await Assert.ThrowsAsync<InvalidOperationException>(() => running);
        Assert.Single(gateway.Puts);
    }

    [Fact]
    public async Task HandlersOwnException_AfterASuspension_DoesNotHideIt()
    {
        var verdict = await FakeGateway.That(Answer.Later).RunAsync(async step =>
        {
            await Assert.ThrowsAsync<RunSuspendedException>(() => step.RunAsync("label", _ => throw new TimeoutException()));
            throw new InvalidOperationException("made of it");
        });

        verdict.AssertSuspended();
    }

    [Fact]
    public async Task FinalFailureInOneBranch_WhileAnotherIsRetriedLater_IsTheRuns()
    {
        var gateway = FakeGateway.With(call => call.Step == "label" ? Answer.Later : null);

        var verdict = await gateway.RunAsync(step => Task.WhenAll(
            step.RunAsync("pay", _ => throw new NonRetryableException("declined")),
            step.RunAsync("label", _ => throw new TimeoutException())));

        verdict.AssertFailed("?0");
    }

    [Fact]
    public async Task WithoutAGateway_StepsSimplyRun()
    {
        var gateway = new FakeGateway();
        using var attempt = gateway.Begin([]);

        var verdict = await attempt.RunAsync(async token =>
        {
            Assert.False(attempt.Step.Run.IsDurable);
            Assert.False(attempt.Step.Run.IsReplay);
            Assert.Null(attempt.Step.Run.Id);
            Assert.Equal(1, await attempt.Step.RunAsync("a", _ => Task.FromResult(1), token));
            Assert.Equal(2, await attempt.Step.RunAsync("a", _ => Task.FromResult(2), token));
            await using var stream = await attempt.Step.RunAsync("s", _ => Task.FromResult<Stream>(new MemoryStream([1, 2])), token);
            Assert.Equal(1, stream.ReadByte());
        });

        Assert.True(verdict.IsCompleted);
        Assert.Empty(gateway.Calls);
    }

    [Fact]
    public async Task WithoutAGateway_AFailureIsFinal_AsItWouldBeBehindOne()
    {
        using var attempt = new FakeGateway().Begin([]);

        var verdict = await attempt.RunAsync(async token =>
        {
            var failure = await Assert.ThrowsAsync<StepFailedException>(() =>
                attempt.Step.RunAsync("pay", _ => throw new TimeoutException("slow"), token));
            Assert.IsType<TimeoutException>(failure.InnerException);
        });

        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task WithoutAGateway_MisuseIsToldAllTheSame()
    {
        using var attempt = new FakeGateway().Begin([]);

        await attempt.RunAsync(token => Assert.ThrowsAsync<StepUsageException>(() => attempt.Step.RunAsync(
            "outer", async inside => await attempt.Step.RunAsync("inner", _ => Task.CompletedTask, inside), token)));
    }
}
