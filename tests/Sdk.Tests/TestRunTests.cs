using DurableGateway.Client.Testing;

namespace DurableGateway.Client.Tests;

/// <summary>The README's examples of unit tests, with its handler.</summary>
public sealed class TestRunTests
{
    private readonly TestRun _run = new();
    private readonly Payments _payments = new();

    [Fact]
    public async Task Paid_IsCharged_AndShipped()
    {
        _run.Complete("paid", new Payment("o-1", 9));

        var result = await _run.RunAsync(step => Orders.CheckOutAsync("o-1", _payments, step));

        Assert.Equal("shipped o-1 for 9", result);
        Assert.Equal(["hold", "paid", "patience", "capture", "tell"], _run.Steps);
        Assert.Equal(["order.shipped"], _run.SentEvents);
    }

    [Fact]
    public async Task BankIsBusy_IsTriedAgain_AndHeldOnce()
    {
        _payments.Failures = 2;
        _run.Complete("paid", new Payment("o-1", 9));

        await _run.RunAsync(step => Orders.CheckOutAsync("o-1", _payments, step));

        Assert.Equal((1, 3), (_payments.Held, _payments.CaptureTries));
    }

    [Fact]
    public async Task NotPaid_IsReleased()
    {
        _run.TimeOut("paid");

        Assert.Equal("not paid", await _run.RunAsync(step => Orders.CheckOutAsync("o-1", _payments, step)));

        Assert.Equal(1, _payments.Released);
    }

    [Fact]
    public async Task CaptureFailsForGood_IsRolledBack()
    {
        _payments.Failures = 99;
        _run.Complete("paid", new Payment("o-1", 9));

        var e = await Assert.ThrowsAsync<StepFailedException>(() => _run.RunAsync(step => Orders.CheckOutAsync("o-1", _payments, step)));

        Assert.Equal("capture", e.Step);
        Assert.Equal(1, _payments.Released);
    }

    [Fact]
    public async Task SingleAttempts_ShowWhatARunWaitsFor()
    {
        Assert.True((await _run.AttemptAsync(Handler)).IsSuspended);
        Assert.Equal(["paid"], _run.Pending);
        _run.Complete("paid", new Payment("o-1", 9));
        Assert.True((await _run.AttemptAsync(Handler)).IsSuspended);
        Assert.Equal(["patience"], _run.Pending);
        _run.Complete("patience");

        Assert.True((await _run.AttemptAsync(Handler)).IsCompleted);

        Task Handler(IStep step) => Orders.CheckOutAsync("o-1", _payments, step);
    }

    [Fact]
    public async Task WaitingForWhatTheTestHasNotSaid_SaysSo()
    {
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() =>
            _run.RunAsync(step => Orders.CheckOutAsync("o-1", _payments, step)));

        Assert.Contains("'paid'", e.Message, StringComparison.Ordinal);
        Assert.Contains("Complete", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CallbackAndAtMostOnce_AreAsBehindAGateway()
    {
        Uri? url = null;
        var executed = 0;
        _run.Complete("approve", true);

        var approved = await _run.RunAsync(async step =>
        {
            await step.RunAsync("charge", _ => Task.FromResult(++executed), new StepOptions { AtMostOnce = true });
            return await step.CallbackAsync<bool>("approve", (to, _) =>
            {
                url = to;
                return Task.CompletedTask;
            });
        });

        Assert.True(approved);
        Assert.Null(url);
        Assert.Equal(1, executed);
    }

    private sealed record Payment(string OrderId, int Amount);

    private static class Orders
    {
        public static async Task<string> CheckOutAsync(string order, Payments payments, IStep step)
        {
            var hold = await step.RunAsync("hold", _ => payments.HoldAsync());
            step.OnRollback("release", _ => payments.ReleaseAsync(hold));
            var payment = await step.WaitForEventAsync<Payment>("paid", "order.paid", key: order, timeout: TimeSpan.FromDays(3));
            if (payment is null)
            {
                await step.RunAsync("give up", _ => payments.ReleaseAsync(hold));
                return "not paid";
            }

            await step.SleepAsync("patience", TimeSpan.FromHours(1));
            await step.RunAsync("capture", _ => payments.CaptureAsync(hold));
            await step.SendEventAsync("tell", "order.shipped", order, payment);
            return $"shipped {order} for {payment.Amount}";
        }
    }

    private sealed class Payments
    {
        public int Failures { get; set; }

        public int Held { get; private set; }

        public int CaptureTries { get; private set; }

        public int Released { get; private set; }

        public Task<string> HoldAsync() => Task.FromResult($"H-{++Held}");

        public Task CaptureAsync(string hold) =>
            ++CaptureTries <= Failures ? throw new TimeoutException($"{hold}: the bank is busy") : Task.CompletedTask;

        public Task ReleaseAsync(string hold)
        {
            Assert.Equal("H-1", hold);
            Released++;
            return Task.CompletedTask;
        }
    }
}
