using System.Net;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>An exception after the request was cancelled is not a failure, whatever its type.</summary>
public sealed class AttemptIsOverTests : IDisposable
{
    private readonly FakeRun _run = new() { MaxAttempts = 1 };
    private readonly CancellationTokenSource _aborted = new();

    /// <summary>Exceptions that libraries throw when their token is cancelled.</summary>
    public static TheoryData<Exception> Cancellations => new()
    {
        new IOException("The connection was closed."),
        new ObjectDisposedException("stream"),
        new InvalidOperationException("Status(StatusCode=\"Cancelled\")"),
        new TaskCanceledException(),
        new NonRetryableException("The call failed.", new IOException()),
        new RetryAfterException(TimeSpan.Zero, "busy", new IOException()),
    };

    [Theory]
    [MemberData(nameof(Cancellations))]
    public async Task InAStep_ItIsNoFailure(Exception thrown)
    {
        var e = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => AttemptAsync(step => step.RunAsync("call", token => AbortAsync(thrown))));

        Assert.Empty(_run.Gateway.Puts);
        Assert.True(e == thrown || e.InnerException == thrown);
    }

    [Theory]
    [MemberData(nameof(Cancellations))]
    public async Task InAStepThatIsExecutedOnce_ItIsNoFailure(Exception thrown)
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => AttemptAsync(
            step => step.RunAsync("call", token => AbortAsync(thrown), new StepOptions { AtMostOnce = true })));

        Assert.Equal("started", Assert.Single(_run.Gateway.Puts)["Durable-Step-Outcome"]);
    }

    [Theory]
    [MemberData(nameof(Cancellations))]
    public async Task InAStepThatTheHandlerGaveUp_ItIsNoFailure(Exception thrown)
    {
        using var patience = new CancellationTokenSource();

        await AttemptAsync(step => Assert.ThrowsAnyAsync<OperationCanceledException>(() => step.RunAsync(
            "call",
            async _ =>
            {
                await patience.CancelAsync();
                throw thrown;
            },
            patience.Token)));

        Assert.Empty(_run.Gateway.Puts);
    }

    [Theory]
    [MemberData(nameof(Cancellations))]
    public async Task InTheHandler_ItBeginsNoRollback_EvenInTheLastAttempt(Exception thrown)
    {
        var undone = false;

        await Assert.ThrowsAsync(thrown.GetType(), () => AttemptAsync(step =>
        {
            step.OnRollback("undo", _ => Task.FromResult(undone = true));
            return AbortAsync(thrown);
        }));

        Assert.False(undone);
        Assert.Empty(_run.Gateway.Puts);
    }

    [Fact]
    public async Task BodyThatSeesTheEndOfTheRequestFirst_HasNotFailed()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => AttemptAsync(step => step.RunAsync("call", async _ =>
        {
            // The callback that is registered last is called first.
            var ended = new TaskCompletionSource();
            using var registration = _aborted.Token.Register(ended.SetResult);
            var aborting = Task.Run(_aborted.Cancel, CancellationToken.None);
            await ended.Task;
            Assert.False(aborting.IsFaulted);
            throw new IOException();
        })));

        Assert.Empty(_run.Gateway.Puts);
    }

    [Fact]
    public async Task InACompensation_ItIsNoFailure()
    {
        Task Handler(IStep step, Func<Task> undo)
        {
            step.OnRollback("undo", _ => undo());
            throw new NonRetryableException("declined");
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => AttemptAsync(step => Handler(step, () => AbortAsync(new IOException()))));
        Assert.Equal(["rollback begun"], _run.Stored);

        (await _run.AttemptAsync(step => Handler(step, () => Task.CompletedTask))).AssertFailed("?0");
        Assert.Equal(["rollback begun", "undo"], _run.Stored);
    }

    [Fact]
    public async Task FailureThatTheBodyStates_Counts()
    {
        var e = await Assert.ThrowsAsync<StepFailedException>(
            () => StepAsync(step => step.RunAsync("call", _ => AbortAsync(new NonRetryableException("declined")))));

        Assert.Equal("declined", e.Problem.Detail);
        Assert.True(_run["call"].Failed);
    }

    [Fact]
    public async Task ResponseThatIsAFailure_Counts()
    {
        await Assert.ThrowsAsync<StepFailedException>(() => StepAsync(step => step.FetchAsync("call", async _ =>
        {
            await _aborted.CancelAsync();
            return new HttpResponseMessage(HttpStatusCode.InternalServerError);
        })));

        Assert.True(_run["call"].Failed);
    }

    [Fact]
    public async Task FailureBeforeTheEnd_Counts_ThoughTheAttemptEndsWhileAnotherBranchIsExecuting()
    {
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var running = AttemptAsync(step =>
        {
            step.OnRollback("undo", _ => Task.CompletedTask);
            _ = step.RunAsync("call", async _ =>
            {
                await released.Task;
                await _aborted.CancelAsync();
            });
            throw new IOException("mine");
        });
        released.SetResult();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal(["call", "rollback begun"], _run.Stored);
    }

    public void Dispose() => _aborted.Dispose();

    private Task<AttemptVerdict> AttemptAsync(Func<IStep, Task> handler) =>
        _run.AttemptAsync(handler, isLast: true, aborted: _aborted.Token);

    /// <summary>Executes a step whose failure the host ignores, because the request was cancelled.</summary>
    private async Task StepAsync(Func<IStep, Task> handler)
    {
        Exception? thrown = null;
        await AttemptAsync(async step => thrown = await Record.ExceptionAsync(() => handler(step)));
        if (thrown is not null) throw thrown;
    }

    private async Task AbortAsync(Exception thrown)
    {
        await _aborted.CancelAsync();
        throw thrown;
    }
}
