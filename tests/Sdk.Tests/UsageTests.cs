using System.Text;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Names of steps, and the messages about incorrect use.</summary>
public sealed class UsageTests
{
    [Fact]
    public async Task NameUsedAgain_IsCounted()
    {
        var gateway = new FakeGateway();

        await gateway.RunAsync(async step =>
        {
            for (var i = 1; i <= 3; i++)
            {
                await step.RunAsync("item", _ => Task.FromResult(i));
                await step.RunAsync("other" + i, _ => Task.FromResult(i));
            }
        });

        Assert.Equal(["item", "item%232", "item%233"],
            gateway.Puts.Where(call => call.Step.StartsWith("item", StringComparison.Ordinal)).Select(call => call.Step));
    }

    [Fact]
    public async Task NameUsedAgain_IsCountedInAReplayToo()
    {
        var gateway = new FakeGateway();
        var results = new List<int>();

        await gateway.RunAsync(
            async step =>
            {
                for (var i = 1; i <= 3; i++) results.Add(await step.RunAsync("item", _ => Task.FromResult(i * 100)));
            },
            steps: "\"item\";ok=:MQ==:, \"item#2\";ok=:Mg==:");

        Assert.Equal([1, 2, 300], results);
        Assert.Equal("item%233", Assert.Single(gateway.Puts).Step);
    }

    [Fact]
    public async Task NameUsedAgain_AfterAFailureThatWasCaught_IsCounted()
    {
        var gateway = new FakeGateway();

        await gateway.RunAsync(async step =>
        {
            await Assert.ThrowsAsync<StepFailedException>(() => step.RunAsync("pay", _ => throw new NonRetryableException("declined")));
            await step.RunAsync("pay", _ => Task.FromResult(1));
        });

        Assert.Equal(["pay", "pay%232"], gateway.Puts.Select(call => call.Step));
    }

    [Fact]
    public async Task SameNameAtTheSameTime_SaysToNameThemApart()
    {
        var first = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        var executed = false;

        var verdict = await new FakeGateway().RunAsync(async step =>
        {
            var running = step.RunAsync("item", _ => first.Task);
            try
            {
                await step.RunAsync("item", _ => Task.FromResult(executed = true));
            }
            finally
            {
                first.SetResult(1);
                await running;
            }
        });

        AssertUsage(verdict, "'item'", "its own name");
        Assert.False(executed);
    }

    [Fact]
    public async Task SameNameAtTheSameTime_InAReplayThatKnowsThemBoth_IsNoGuess()
    {
        // Stored outcomes return at once, so the SDK does not detect this code here. It must not return the wrong outcome.
        await new FakeGateway().RunAsync(
            async step =>
            {
                var results = await Task.WhenAll(step.RunAsync("item", _ => Task.FromResult(8)),
                    step.RunAsync("item", _ => Task.FromResult(9)));
                Assert.Equal([1, 2], results);
            },
            steps: "\"item\";ok=:MQ==:, \"item#2\";ok=:Mg==:");
    }

    [Fact]
    public async Task SameNameInTwoBranches_SaysToNameThemApart()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gateway = new FakeGateway();

        var verdict = await gateway.RunAsync(step =>
        {
            var branches = Task.WhenAll(BranchAsync(step, "a", begun.Task), BranchAsync(step, "b", gateway.ReportOf("call")));
            begun.SetResult();
            return branches;
        });

        AssertUsage(verdict, "'call'", "branches", "their own names");

        static async Task BranchAsync(IStep step, string first, Task before)
        {
            await step.RunAsync(first, _ => before);
            await step.RunAsync("call", _ => Task.CompletedTask);
        }
    }

    [Fact]
    public async Task SameNameInMethodsThatFollowOneAnother_IsCounted_ThoughAnotherBranchRunsBeside()
    {
        var run = new FakeRun();

        var verdict = await run.AttemptAsync(async step =>
        {
            var other = WaitAsync(step);
            for (var i = 1; i <= 3; i++) await ItemAsync(step);
            for (var i = 4; i <= 5; i++)
            {
                await step.RunAsync("load", _ => Task.CompletedTask);
                await step.RunAsync("save", _ => Task.CompletedTask);
            }

            await ItemAsync(step);
            await other;
        });

        verdict.AssertSuspended();
        Assert.Equal(["before", "load", "save", .. Enumerable.Range(2, 5).SelectMany(i => new[] { $"load#{i}", $"save#{i}" })],
            run.Stored.Order(new ByUse()));

        static async Task ItemAsync(IStep step)
        {
            await step.RunAsync("load", async _ => await Task.Yield());
            await step.RunAsync("save", _ => Task.CompletedTask);
        }

        static async Task WaitAsync(IStep step)
        {
            await step.RunAsync("before", async _ => await Task.Yield());
            await step.WaitForEventAsync<int?>("paid", "order.paid");
        }
    }

    [Fact]
    public async Task SameNameAfterBranchesHaveJoined_IsCounted()
    {
        var gateway = new FakeGateway();

        var verdict = await gateway.RunAsync(async step =>
        {
            await step.RunAsync("first", _ => Task.CompletedTask);
            await Task.WhenAll(NotifyAsync(step, "a"), step.RunAsync("other", async _ => await Task.Yield()));
            await NotifyAsync(step, "b");
            await step.RunAsync("notify", _ => Task.CompletedTask);
        });

        Assert.True(verdict.IsCompleted);
        Assert.Equal(["notify", "notify%232", "notify%233"],
            gateway.Puts.Select(call => call.Step).Where(id => id.StartsWith("notify", StringComparison.Ordinal)));

        static async Task NotifyAsync(IStep step, string of)
        {
            await step.RunAsync(of, _ => Task.CompletedTask);
            await step.RunAsync("notify", async _ => await Task.Yield());
        }
    }

    [Fact]
    public async Task StepInAStep_SaysToBeginItAfterwards()
    {
        var gateway = new FakeGateway();

        var verdict = await gateway.RunAsync(step =>
            step.RunAsync("outer", async token => await step.RunAsync("inner", _ => Task.FromResult(1), token)));

        AssertUsage(verdict, "'inner'", "'outer'", "after");
        Assert.Empty(gateway.Calls);
    }

    [Fact]
    public async Task StepInAStep_DeepInTheBody_IsNoticed()
    {
        var verdict = await new FakeGateway().RunAsync(step => step.RunAsync("outer", async token =>
        {
            await Task.Yield();
            await Task.Run(() => step.RunAsync("inner", _ => Task.FromResult(1), token), token);
        }));

        AssertUsage(verdict, "'inner'", "'outer'");
    }

    [Fact]
    public async Task StepAfterAStep_OrBesideOne_IsNotInside()
    {
        var gateway = new FakeGateway();
        var other = new FakeGateway();

        var verdict = await gateway.RunAsync(async step =>
        {
            await step.RunAsync("first", _ => Task.CompletedTask);
            var running = step.RunAsync("second", _ => gateway.ReportOf("third"));
            await step.RunAsync("third", _ => Task.FromResult(1));
            await running;
            await step.RunAsync("call", _ => other.RunAsync(theirs => theirs.RunAsync("of another run", _ => Task.CompletedTask))
                .ContinueWith(_ => 1, TaskScheduler.Default));
        });

        Assert.True(verdict.IsCompleted);
        Assert.Single(other.Puts);
    }

    [Fact]
    public async Task ResultThatJsonCannotKeep_SaysToReturnPlainData()
    {
        var verdict = await new FakeGateway().RunAsync(step => step.RunAsync("s", _ => Task.FromResult<Func<int>>(() => 1)));

        AssertUsage(verdict, "'s'", "JSON", "plain data");
    }

    [Fact]
    public async Task ResultWithACycle_SaysToReturnPlainData()
    {
        var node = new Node();
        node.Next = node;

        AssertUsage(await new FakeGateway().RunAsync(step => step.RunAsync("s", _ => Task.FromResult(node))), "'s'", "JSON", "plain data");
    }

    [Fact]
    public async Task ResultUnknownToTheContext_IsNoticedBeforeTheBodyIsExecuted()
    {
        var executed = false;
        using var attempt = new FakeGateway().Begin(options: new DurableStepsOptions
        {
            Json = PlainContext.Default.Options,
            ErrorDetails = true,
        });

        var verdict = await attempt.RunAsync(token => attempt.Step.RunAsync("s", Body, token));

        AssertUsage(verdict, "'s'", "JsonSerializerContext");
        Assert.False(executed);

        Task<Node> Body(CancellationToken token)
        {
            executed = true;
            return Task.FromResult(new Node());
        }
    }

    [Theory]
    [InlineData(".")]
    [InlineData("a\0b")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData(null)]
    public async Task NameThatCannotBeOne_IsToldSo(string? name)
    {
        var gateway = new FakeGateway();
        AssertUsage(await gateway.RunAsync(step => step.RunAsync(name!, _ => Task.FromResult(1))), "name");
        Assert.Empty(gateway.Calls);
    }

    [Fact]
    public async Task NameThatIsNoText_IsToldSo()
    {
        // A lone surrogate has no UTF-8 form: two such names would be stored under one id.
        var gateway = new FakeGateway();
        AssertUsage(await gateway.RunAsync(step => step.RunAsync("a\ud800", _ => Task.FromResult(1))), "name");
        Assert.Empty(gateway.Calls);
    }

    [Theory]
    [InlineData("x", 256, true)]
    [InlineData("x", 257, false)]
    [InlineData("ä", 128, true)]
    [InlineData("ä", 129, false)]
    public async Task NameOfUpTo256Bytes_IsTaken(string letter, int times, bool taken)
    {
        var verdict = await new FakeGateway().RunAsync(step =>
            step.RunAsync(string.Concat(Enumerable.Repeat(letter, times)), _ => Task.FromResult(1)));

        if (taken) Assert.True(verdict.IsCompleted);
        else AssertUsage(verdict, "256");
    }

    [Fact]
    public async Task NameThatLooksLikeASecondUse_IsToldSo()
    {
        var verdict = await new FakeGateway().RunAsync(async step =>
        {
            await step.RunAsync("a", _ => Task.FromResult(1));
            await step.RunAsync("a#2", _ => Task.FromResult(1));
            await step.RunAsync("a", _ => Task.FromResult(1));
        });

        AssertUsage(verdict, "'#'");
    }

    [Fact]
    public async Task StepAfterTheHandlerEnded_SaysToAwaitEveryStep()
    {
        IStep? kept = null;
        var executed = false;
        await new FakeGateway().RunAsync(step =>
        {
            kept = step;
            return Task.CompletedTask;
        });

        var e = await Assert.ThrowsAsync<StepUsageException>(() => kept!.RunAsync("late", _ => Task.FromResult(executed = true)));

        Assert.Contains("Await every step", e.Message, StringComparison.Ordinal);
        Assert.False(executed);
    }

    [Fact]
    public async Task StepThatIsNotAwaited_IsReportedBeforeTheAttemptEnds()
    {
        var gateway = new FakeGateway();
        var body = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var attempt = gateway.Begin();

        var running = attempt.RunAsync(token =>
        {
            _ = attempt.Step.RunAsync("forgotten", _ => body.Task, token);
            return Task.CompletedTask;
        });
        Assert.False(running.IsCompleted);
        body.SetResult(1);

        Assert.True((await running).IsCompleted);
        Assert.Equal("forgotten", Assert.Single(gateway.Puts).Step);
    }

    [Fact]
    public async Task NoBody_IsAnArgumentError()
    {
        using var attempt = new FakeGateway().Begin();
        await Assert.ThrowsAsync<ArgumentNullException>(() => attempt.Step.RunAsync("s", null!, CancellationToken.None));
        await Assert.ThrowsAsync<ArgumentNullException>(() => attempt.Step.RunAsync<int>("s", null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() =>
            attempt.Step.RunAsync("s", _ => Task.FromResult(new Order(1, "")), type: null!));
    }

    private static void AssertUsage(AttemptVerdict verdict, params string[] says)
    {
        verdict.AssertFailed("?0");
        using var problem = System.Text.Json.JsonDocument.Parse(verdict.Problem!);
        var detail = problem.RootElement.GetProperty("detail").GetString();
        Assert.All(says, text => Assert.Contains(text, detail, StringComparison.Ordinal));
        Assert.DoesNotContain("stackTrace", Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
    }

    /// <summary>"before" may be at any position. The others are in order.</summary>
    private sealed class ByUse : IComparer<string>
    {
        public int Compare(string? x, string? y) => (x == "before" ? 0 : 1).CompareTo(y == "before" ? 0 : 1);
    }

    private sealed class Node
    {
        public Node? Next { get; set; }
    }
}
