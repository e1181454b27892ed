using System.Text;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Steps that wait for an event.</summary>
public sealed class WaitForEventTests
{
    [Fact]
    public async Task Pending_IsPutAsAWait_AndSuspends()
    {
        var run = new FakeRun();
        var after = false;

        var verdict = await run.AttemptAsync(async step =>
        {
            await step.WaitForEventAsync<Order>("paid", "order.paid", "o-1", TimeSpan.FromSeconds(90.5), TimeSpan.FromHours(1));
            after = true;
        });

        verdict.AssertSuspended();
        Assert.False(after);
        var call = Assert.Single(run.Gateway.Puts);
        Assert.Equal(("paid", "wait", "order.paid", "o-1"),
            (call.Step, call["Durable-Step-Type"], call["Durable-Event-Type"], call["Durable-Event-Key"]));
        Assert.Equal(("90.5", "3600"), (call["Durable-Step-Timeout"], call["Durable-Event-Lookback"]));
        Assert.Empty(call.Body);
        Assert.Null(call["Content-Type"]);
    }

    [Fact]
    public async Task WhatIsNotGiven_IsNotPut()
    {
        var run = new FakeRun();

        await run.AttemptAsync(step => step.WaitForEventAsync<Order>("paid", "order.paid"));

        var call = Assert.Single(run.Gateway.Puts);
        Assert.All(["Durable-Event-Key", "Durable-Step-Timeout", "Durable-Event-Lookback"], name => Assert.Null(call[name]));
    }

    [Theory]
    [InlineData("straße", "stra%C3%9Fe")]
    [InlineData("🚀", "%F0%9F%9A%80")]
    [InlineData("a b", "a%20b")]
    [InlineData(" a", "%20a")]
    [InlineData("100%", "100%25")]
    [InlineData("%41", "%2541")]
    [InlineData("a\r\nDurable-Token: x", "a%0D%0ADurable-Token:%20x")]
    [InlineData("a/b?c=d&e,f;g", "a/b?c=d&e,f;g")]
    public async Task TypeAndKeyBeyondVisibleAscii_ArePercentEncoded(string text, string encoded)
    {
        var run = new FakeRun();

        await run.AttemptAsync(step => step.WaitForEventAsync<Order>("paid", text, text));

        var call = Assert.Single(run.Gateway.Puts);
        Assert.Equal((encoded, encoded), (call["Durable-Event-Type"], call["Durable-Event-Key"]));
        Assert.Equal(text, Uri.UnescapeDataString(encoded));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Delivered_IsTheEventsData_InEachReplay(bool inlined)
    {
        var run = new FakeRun();
        Order? order = null;
        Task Handler(IStep step) =>
            step.WaitForEventAsync<Order>("paid", "order.paid").ContinueWith(paid => order = paid.Result, TaskScheduler.Default);
        run.Complete("paid", "wait", """{"id":7,"name":"n"}""");

        Assert.True((await run.AttemptAsync(Handler, inlined: inlined)).IsCompleted);

        Assert.Equal(new Order(7, "n"), order);
        Assert.Empty(run.Gateway.Puts);
    }

    [Fact]
    public async Task ThereAlready_IsUsedAtOnce()
    {
        var verdict = await FakeGateway.That(Answer.Already("5")).RunAsync(async step =>
            Assert.Equal(5, await step.WaitForEventAsync<int>("paid", "order.paid")));

        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task TimeOut_IsNull_NowAndInAReplay()
    {
        var run = new FakeRun();
        run.Fail("paid", "wait", FakeRun.Timeout);
        await run.AttemptAsync(async step => Assert.Null(await step.WaitForEventAsync<Order>("paid", "order.paid")));
        await run.AttemptAsync(async step => Assert.Null(await step.WaitForEventAsync<int?>("paid", "order.paid")));

        var verdict = await FakeGateway.That(Answer.AlreadyFailed(FakeRun.Timeout)).RunAsync(async step =>
            Assert.Null(await step.WaitForEventAsync<Order>("paid", "order.paid")));

        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task AnotherFailure_IsThrown()
    {
        var run = new FakeRun();
        run.Fail("paid", "wait", """{"type":"/_durable/problems/other","title":"no"}""");

        await run.AttemptAsync(async step =>
        {
            var failure = await Assert.ThrowsAsync<StepFailedException>(() => step.WaitForEventAsync<Order>("paid", "order.paid"));
            Assert.Equal(("/_durable/problems/other", "no"), (failure.Problem.Type, failure.Problem.Title));
        });
    }

    [Fact]
    public async Task DataThatIsNone_IsTheDefault()
    {
        var run = new FakeRun();
        run.Complete("paid", "wait", "");
        run.Complete("paid#2", "wait", "");

        await run.AttemptAsync(async step =>
        {
            Assert.Null(await step.WaitForEventAsync<Order>("paid", "order.paid"));
            Assert.Empty((await step.WaitForEventAsync<byte[]>("paid", "order.paid"))!);
        });
    }

    [Fact]
    public async Task DataOfAnotherContent_CanBeTakenAsBytes()
    {
        var run = new FakeRun();
        run.Complete("paid", "wait", "<paid/>", "application/xml");

        await run.AttemptAsync(async step =>
            Assert.Equal("<paid/>", Encoding.UTF8.GetString((await step.WaitForEventAsync<byte[]>("paid", "order.paid"))!)));
    }

    [Fact]
    public async Task BesideASleep_BothAreBegun()
    {
        var gateway = new FakeGateway();
        gateway.Script = async call =>
        {
            await gateway.ReportOf(call.Step == "nap" ? "paid" : "nap");
            return Answer.Later;
        };

        var verdict = await gateway.RunAsync(step =>
            Task.WhenAny(step.WaitForEventAsync<Order>("paid", "order.paid"), step.SleepAsync("nap", TimeSpan.FromDays(1))).Unwrap());

        verdict.AssertSuspended();
        Assert.Equal(2, gateway.Puts.Count());
    }

    [Fact]
    public async Task Misuse_SaysWhatToDo()
    {
        await new FakeGateway().RunAsync(async step =>
        {
            var negative = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() =>
                step.WaitForEventAsync<Order>("paid", "order.paid", timeout: Timeout.InfiniteTimeSpan));
            Assert.Contains("Omit it", negative.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() =>
                step.WaitForEventAsync<Order>("paid", "order.paid", lookback: TimeSpan.FromSeconds(-1)));
            await Assert.ThrowsAsync<ArgumentException>(() => step.WaitForEventAsync<Order>("paid", " "));
            await Assert.ThrowsAsync<ArgumentException>(() => step.WaitForEventAsync<Order>("paid", null!));
            await Assert.ThrowsAsync<ArgumentException>(() => step.WaitForEventAsync<Order>("paid", "order.paid", ""));
            await Assert.ThrowsAsync<StepUsageException>(() => step.WaitForEventAsync<Order>("", "order.paid"));
        });
    }
}
