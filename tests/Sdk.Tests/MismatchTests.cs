using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Handlers that were changed during a run.</summary>
public sealed class MismatchTests
{
    private const string Mismatch = "Durable-Mismatch";

    private readonly FakeRun _run = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnotherType_TheStoredOutcomeIsUsed_AndItIsNoted(bool inlined)
    {
        _run.Complete("nap", "sleep", "");
        _run.Complete("paid", "run", "5");

        var verdict = await _run.AttemptAsync(
            async step =>
            {
                await step.RunAsync("nap", _ => throw new InvalidOperationException("executed"));
                Assert.Equal(5, await step.WaitForEventAsync<int>("paid", "order.paid"));
            },
            inlined: inlined);

        Assert.True(verdict.IsCompleted);
        Assert.Equal("\"nap\";stored=sleep;asked=run, \"paid\";stored=run;asked=wait", verdict.Header(Mismatch));
    }

    [Fact]
    public async Task EachType_IsKnown()
    {
        string[] types = ["run", "sleep", "wait", "callback", "invoke"];
        foreach (var type in types) _run.Complete(type, type, "");

        var verdict = await _run.AttemptAsync(async step =>
        {
            await step.RunAsync("run", _ => Task.CompletedTask);
            await step.SleepAsync("sleep", TimeSpan.Zero);
            await step.WaitForEventAsync<Order>("wait", "t");
            await step.CallbackAsync<Order>("callback", (_, _) => Task.CompletedTask);
            await step.InvokeAsync<Order>("invoke", "/");
        });

        Assert.True(verdict.IsCompleted);
        Assert.Null(verdict.Header(Mismatch));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task NeverAskedFor_IsNotedWhenTheHandlerFinishes(bool inlined)
    {
        _run.Complete("charge", "run", "1");
        _run.Complete("old nap", "sleep", "");

        var verdict = await _run.AttemptAsync(
            async step =>
            {
                await step.RunAsync("charge", _ => Task.FromResult(1));
                await step.RunAsync("new", _ => Task.FromResult(1));
            },
            inlined: inlined);

        Assert.True(verdict.IsCompleted);
        Assert.Equal("\"old nap\";unused", verdict.Header(Mismatch));
    }

    [Fact]
    public async Task NeverAskedFor_IsNotNoted_WhereTheHandlerSuspends_OrFailsItsAttempt_OrIsAbandoned()
    {
        _run.Complete("later", "run", "1");

        var suspended = await _run.AttemptAsync(step => step.SleepAsync("nap", TimeSpan.FromDays(1)));
        _run.Instead = _ => Answer.Problem(400, "bad");
        var failed = await _run.AttemptAsync(step => step.RunAsync("a", _ => Task.CompletedTask));
        _run.Instead = _ => Answer.Problem(410, "run-ended");
        var abandoned = await _run.AttemptAsync(step => step.RunAsync("a", _ => Task.CompletedTask));

        Assert.All([suspended, failed, abandoned], verdict => Assert.Null(verdict.Header(Mismatch)));
    }

    [Fact]
    public async Task NeverAskedFor_IsNoted_WhereTheHandlerFailsForGood()
    {
        _run.Complete("later", "run", "1");

        var verdict = await _run.AttemptAsync(step => step.RunAsync("pay", _ => throw new NonRetryableException("declined")));

        verdict.AssertFailed("?0");
        Assert.Equal("\"later\";unused", verdict.Header(Mismatch));
    }

    [Fact]
    public async Task AnotherType_IsNotedInASuspensionToo()
    {
        _run.Complete("nap", "sleep", "");

        var verdict = await _run.AttemptAsync(async step =>
        {
            await step.RunAsync("nap", _ => Task.CompletedTask);
            await step.SleepAsync("new nap", TimeSpan.FromDays(1));
        });

        verdict.AssertSuspended();
        Assert.Equal("\"nap\";stored=sleep;asked=run", verdict.Header(Mismatch));
    }

    [Fact]
    public async Task HandOutsAndCompensations_AreNoMismatch()
    {
        _run.Complete("approve", "callback", "1");
        _run.Complete("approve handed out", "run", "");
        _run.Complete("refund", "run", "");
        _run.Complete("parcel handed out", "run", "");

        var verdict = await _run.AttemptAsync(async step =>
        {
            step.OnRollback("refund", _ => Task.CompletedTask);
            await step.CallbackAsync<int>("approve", (_, _) => Task.CompletedTask);
        });

        Assert.Equal("\"parcel handed out\";unused", verdict.Header(Mismatch));
    }

    [Fact]
    public async Task CallbackThatIsGone_IsNotedOnce()
    {
        _run.Complete("approve", "callback", "1");
        _run.Complete("approve handed out", "run", "");

        Assert.Equal("\"approve\";unused", (await _run.AttemptAsync(_ => Task.CompletedTask)).Header(Mismatch));
    }

    [Fact]
    public async Task Ids_AreStrings_AndPercentEncodedWhereTheyCannotBe()
    {
        foreach (var id in new[] { "a\"b\\c", "100%", "straße 1" }) _run.Complete(id, "run", "1");

        var verdict = await _run.AttemptAsync(step => step.RunAsync("new", _ => Task.CompletedTask), inlined: false);

        Assert.Equal("\"a\\\"b\\\\c\";unused, \"100%\";unused, \"stra%C3%9Fe%201\";unused", verdict.Header(Mismatch));
    }

    [Fact]
    public async Task VeryMany_AreCutOff()
    {
        for (var i = 0; i < 1000; i++) _run.Complete($"item-{i}", "run", "");

        var header = (await _run.AttemptAsync(_ => Task.CompletedTask)).Header(Mismatch)!;

        Assert.InRange(header.Length, 3000, 4096);
        Assert.EndsWith(";unused", header, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"a\";ok=:MQ==:;t=\"run\"")]
    [InlineData("\"a\";ok=:MQ==:;t=:MQ==:")]
    [InlineData("\"a\";ok=:MQ==:;t=12")]
    [InlineData("\"a\";ok=:MQ==:;t")]
    [InlineData("\"a\";ok=:MQ==:;t=\"no token\"")]
    public async Task TypeThatIsNone_IsNoMismatch(string steps)
    {
        var verdict = await new FakeGateway().RunAsync(async step => Assert.Equal(1, await step.RunAsync("a", _ => Task.FromResult(2))),
            steps);

        Assert.True(verdict.IsCompleted);
        Assert.Null(verdict.Header(Mismatch));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("{}")]
    public async Task ListedTypeThatIsNone_IsNoMismatch(string type)
    {
        var list = $$"""[{"id":"a","type":{{type}},"outcome":"completed","contentType":"application/json","body":"MQ=="}]""";
        var gateway = FakeGateway.With(call => call.Method == "GET" ? new Answer(200, list) : null);

        var verdict = await gateway.RunAsync(async step => Assert.Equal(1, await step.RunAsync("a", _ => Task.FromResult(2))), count: 1);

        Assert.True(verdict.IsCompleted);
        Assert.Null(verdict.Header(Mismatch));
    }

    [Fact]
    public async Task TypeOfALaterVersion_IsNoted()
    {
        var verdict = await new FakeGateway().RunAsync(async step => Assert.Equal(1, await step.RunAsync("a", _ => Task.FromResult(2))),
            "\"a\";ok=:MQ==:;t=poll");

        Assert.Equal("\"a\";stored=poll;asked=run", verdict.Header(Mismatch));
    }

    [Fact]
    public async Task OutcomeThatCannotBeRead_StillTellsTheMismatch()
    {
        _run.Complete("nap", "sleep", "");

        var verdict = await _run.AttemptAsync(step => step.RunAsync("nap", _ => Task.FromResult(1)));

        verdict.AssertFailed("?1");
        Assert.Equal("\"nap\";stored=sleep;asked=run", verdict.Header(Mismatch));
    }
}
