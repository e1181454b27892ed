using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Steps that a third party completes.</summary>
public sealed class CallbackTests
{
    private readonly FakeRun _run = new();
    private readonly List<Uri> _handedOut = [];

    [Fact]
    public async Task Pending_HandsTheUrlOut_AsAStep_ThenSuspends()
    {
        var verdict = await _run.AttemptAsync(step => step.CallbackAsync<Order>("approve", HandOut, TimeSpan.FromDays(1)));

        verdict.AssertSuspended();
        Assert.Equal([new Uri(FakeRun.CallbackUrl)], _handedOut);
        Assert.Equal(["approve", "approve%20handed%20out"], _run.Gateway.Puts.Select(call => call.Step));
        var first = _run.Gateway.Puts.First();
        Assert.Equal(("callback", "86400"), (first["Durable-Step-Type"], first["Durable-Step-Timeout"]));
        Assert.Equal(["approve handed out"], _run.Stored);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task HandedOut_IsNotHandedOutAgain(bool inlined)
    {
        await _run.AttemptAsync(Handler);
        (await _run.AttemptAsync(Handler, inlined: inlined)).AssertSuspended();
        _run.Complete("approve", "callback", """{"id":3,"name":"yes"}""");

        Order? order = null;
        Assert.True((await _run.AttemptAsync(async step => order = await step.CallbackAsync<Order>("approve", HandOut),
            inlined: inlined)).IsCompleted);

        Assert.Equal(new Order(3, "yes"), order);
        Assert.Single(_handedOut);

        Task Handler(IStep step) => step.CallbackAsync<Order>("approve", HandOut);
    }

    [Fact]
    public async Task NameUsedAgain_IsHandedOutForItself()
    {
        _run.Complete("approve", "callback", "1");
        _run.Complete("approve handed out", "run", "");

        var verdict = await _run.AttemptAsync(async step =>
        {
            Assert.Equal(1, await step.CallbackAsync<int>("approve", HandOut));
            await step.CallbackAsync<int>("approve", HandOut);
        });

        verdict.AssertSuspended();
        Assert.Single(_handedOut);
        Assert.Contains("approve#2 handed out", _run.Stored);
    }

    [Fact]
    public async Task HandOutFails_IsTriedAgain()
    {
        var tries = 0;
        Task Handler(IStep step) =>
            step.CallbackAsync<int>("approve", (_, _) => ++tries < 2 ? throw new TimeoutException("mail") : Task.CompletedTask);

        (await _run.AttemptAsync(Handler)).AssertSuspended();
        Assert.Empty(_run.Stored);
        (await _run.AttemptAsync(Handler)).AssertSuspended();
        (await _run.AttemptAsync(Handler)).AssertSuspended();

        Assert.Equal(2, tries);
        Assert.Equal(["approve handed out"], _run.Stored);
    }

    [Fact]
    public async Task HandOutFailsForGood_IsThrown_AndStays_EvenIfItIsCalledAfterAll()
    {
        Task Handler(IStep step) => step.CallbackAsync<int>("approve", (_, _) => throw new NonRetryableException("no such address"));

        var first = await _run.AttemptAsync(Handler);
        _run.Complete("approve", "callback", "1");
        var second = await _run.AttemptAsync(Handler);

        Assert.All([first, second], verdict => verdict.AssertFailed("?0"));
        Assert.Contains("approve handed out", System.Text.Encoding.UTF8.GetString(second.Problem!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnotherBranchWaitsFirst_TheUrlIsHandedOutAllTheSame()
    {
        var gateway = new FakeGateway();
        gateway.Script = async call =>
        {
            if (call.Step == "nap") return Answer.Later;
            if (call.Step != "approve") return null;
            await gateway.ReportOf("nap");
            return new Answer(202, Headers: ("Durable-Callback-Url", FakeRun.CallbackUrl));
        };

        var verdict = await gateway.RunAsync(step =>
            Task.WhenAll(step.CallbackAsync<int>("approve", HandOut), step.SleepAsync("nap", TimeSpan.FromDays(1))));

        verdict.AssertSuspended();
        Assert.Single(_handedOut);
    }

    [Fact]
    public async Task TwoAtOnce_AreBothHandedOut()
    {
        var gateway = new FakeGateway();
        gateway.Script = async call =>
        {
            if (call.Step.Length > 1) return null;
            await gateway.ReportOf(call.Step == "a" ? "b" : "a");
            return new Answer(202, Headers: ("Durable-Callback-Url", FakeRun.CallbackUrl));
        };

        var verdict = await gateway.RunAsync(step =>
            Task.WhenAll(step.CallbackAsync<int>("a", HandOut), step.CallbackAsync<int>("b", HandOut)));

        verdict.AssertSuspended();
        Assert.Equal(2, _handedOut.Count);
    }

    [Fact]
    public async Task TimeOut_IsAFailure()
    {
        _run.Fail("approve", "callback", FakeRun.Timeout);

        var verdict = await _run.AttemptAsync(step => step.CallbackAsync<int>("approve", HandOut));

        verdict.AssertFailed("?0");
        Assert.Contains("/_durable/problems/step-timeout", System.Text.Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CalledAlready_IsNotHandedOut()
    {
        var verdict = await FakeGateway.That(Answer.Already("4")).RunAsync(async step =>
            Assert.Equal(4, await step.CallbackAsync<int>("approve", HandOut)));

        Assert.True(verdict.IsCompleted);
        Assert.Empty(_handedOut);
    }

    [Fact]
    public async Task NoUrl_FailsTheAttempt()
    {
        var verdict = await FakeGateway.That(Answer.Later).RunAsync(step => step.CallbackAsync<int>("approve", HandOut));

        verdict.AssertFailed("?1");
        Assert.Empty(_handedOut);
    }

    [Fact]
    public async Task StepInTheHandOut_IsToldSo()
    {
        var verdict = await _run.AttemptAsync(step =>
            step.CallbackAsync<int>("approve", async (_, token) => await step.RunAsync("mail", _ => Task.CompletedTask, token)));

        verdict.AssertFailed("?0");
    }

    [Fact]
    public async Task Misuse_SaysWhatToDo()
    {
        await _run.AttemptAsync(async step =>
        {
            await Assert.ThrowsAsync<ArgumentNullException>(() => step.CallbackAsync<int>("approve", null!));
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() =>
                step.CallbackAsync<int>("approve", HandOut, TimeSpan.FromSeconds(-1)));
            var tooLong = await Assert.ThrowsAsync<StepUsageException>(() => step.CallbackAsync<int>(new string('x', 250), HandOut));
            Assert.Contains("too long", tooLong.Message, StringComparison.Ordinal);
            await step.RunAsync("taken handed out", _ => Task.CompletedTask);
            var taken = await Assert.ThrowsAsync<StepUsageException>(() => step.CallbackAsync<int>("taken", HandOut));
            Assert.Contains("another name", taken.Message, StringComparison.Ordinal);
        });
        Assert.Empty(_handedOut);
    }

    private Task HandOut(Uri url, CancellationToken cancellationToken)
    {
        lock (_handedOut) _handedOut.Add(url);
        return Task.CompletedTask;
    }
}
