using System.Net;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>Calls that a service gives up, repeats or leaves behind.</summary>
public sealed class RepetitionTests
{
    [Fact]
    public async Task FailedCall_IsRepeatedUnderItsKey_ByTheServiceAndByTheReplay()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var first = await checkout.CallAsync(context, "10 EUR");
            using var again = count == 1 ? await checkout.CallAsync(context, "10 EUR") : null;
            context.Response.StatusCode = first.IsSuccessStatusCode ? 200 : 503;
        }, (context, count) =>
        {
            context.Response.StatusCode = count <= 2 ? 503 : 201;
            return Task.CompletedTask;
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(3, checkout.Ledger.Length);
        Assert.Single(checkout.Payments.Seen.Select(call => call["Idempotency-Key"]).Distinct());
        Assert.Single((await checkout.Gateway.Store.GetStepsAsync(checkout.Run))!);
    }

    /// <summary>The service waits no longer than this call takes, and its next attempt needs its outcome.</summary>
    [Fact]
    public async Task CallWhoseCallerHasGone_GoesOn_AndTheReplayGetsItsOutcome()
    {
        var held = new Hold();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            if (count == 1)
            {
                await checkout.LeaveAsync(context, "10 EUR", held.Reached);
                held.Release();
                context.Response.StatusCode = 503;
                return;
            }

            using var charged = await checkout.CallAsync(context, "10 EUR");
            await context.Response.WriteAsync(await charged.Content.ReadAsStringAsync());
        }, held.Before(Checkout.PayAsync));

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1", await result.Content.ReadAsStringAsync());
        Assert.Single(checkout.Ledger);
    }

    [Fact]
    public async Task RepetitionWhileTheCallIsInFlight_WaitsForItsOutcome()
    {
        var held = new Hold();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            await checkout.LeaveAsync(context, "10 EUR", held.Reached);
            var again = checkout.CallAsync(context, "10 EUR");
            await checkout.WaitingAsync(1);
            held.Release();
            using var charged = await again;
            await context.Response.WriteAsync(await charged.Content.ReadAsStringAsync());
        }, held.Before(Checkout.PayAsync));

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1", await result.Content.ReadAsStringAsync());
        Assert.Single(checkout.Ledger);
    }

    /// <summary>The end of a connection may arrive after what is sent later on another one.</summary>
    [Fact]
    public async Task RepetitionThatOvertakesTheEndOfItsCall_WaitsForItsOutcome()
    {
        var held = new Hold();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            var again = Task.FromResult(new HttpResponseMessage());
            await checkout.LeaveAsync(context, "10 EUR", OvertakeAsync());
            held.Release();
            using var charged = await again;
            await context.Response.WriteAsync(await charged.Content.ReadAsStringAsync());

            async Task OvertakeAsync()
            {
                await held.Reached;
                again = checkout.CallAsync(context, "10 EUR");
                await checkout.WaitingAsync(1);
            }
        }, held.Before(Checkout.PayAsync));

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1", await result.Content.ReadAsStringAsync());
        Assert.Single(checkout.Ledger);
    }

    /// <summary>A call that waits for another one may wait for longer than its attempt owns the run.</summary>
    [Fact]
    public async Task CallWhoseAttemptIsLostWhileItWaits_IsNotMade()
    {
        var held = new Hold();
        var status = new TaskCompletionSource<HttpStatusCode>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            await checkout.LeaveAsync(context, "10 EUR", held.Reached);
            var again = checkout.CallAsync(context, "10 EUR");
            await checkout.WaitingAsync(1);
            checkout.Attempt.Lose();
            held.Release();
            using var answer = await again;
            status.TrySetResult(answer.StatusCode);
        }, held.Before((context, _) =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        }));

        using var end = new CancellationTokenSource();
        var result = checkout.Gateway.Client.GetAsync("/order", end.Token);

        Assert.Equal(HttpStatusCode.Conflict, await status.Task.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Single(checkout.Ledger);
        await end.CancelAsync();
        await Task.WhenAny(result);
    }

    /// <summary>The client need not wait for a call that hangs. The next attempt does.</summary>
    [Fact]
    public async Task AttemptThatFailsWhileACallHangs_RedirectsItsClient_AndTheNextOneGetsTheOutcome()
    {
        var held = new Hold();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            var call = checkout.CallAsync(context, "10 EUR");
            if (count == 1)
            {
                await held.Reached;
                context.Response.StatusCode = 503;
                return;
            }

            using var charged = await call;
            await context.Response.WriteAsync(await charged.Content.ReadAsStringAsync());
        }, held.Before(Checkout.PayAsync));

        using var redirect = await checkout.Gateway.Client.GetAsync("/order").WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        Assert.Single(checkout.Service.Seen);
        held.Release();
        Assert.Equal("receipt 1", await checkout.Gateway.Follower.GetStringAsync(redirect.Headers.Location));
        Assert.Single(checkout.Ledger);
    }

    /// <summary>The called service would otherwise give the response that it has under the former key.</summary>
    [Fact]
    public async Task CallThatAnOperatorHasMadeAgain_HasAnotherKey()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var charged = await checkout.CallAsync(context, "10 EUR");
            await context.Response.WriteAsync(await charged.Content.ReadAsStringAsync());
        });
        using var first = await checkout.Gateway.Client.GetAsync("/order");
        Assert.Equal("receipt 1", await first.Content.ReadAsStringAsync());

        using var control = new HttpClient { BaseAddress = checkout.Gateway.Control };
        var admin = $"/_durable/v1/admin/runs/{checkout.Run}";
        using var done = await control.PostAsJsonAsync(admin + "/from-step", new { step = "payments POST /payments/charges" });
        Assert.Equal(HttpStatusCode.OK, done.StatusCode);
        await Eventually.TrueAsync(() => checkout.Payments.Seen.Count == 2, "the call is made again");

        Assert.Equal(2, checkout.Payments.Seen.Select(call => call["Idempotency-Key"]).Distinct().Count());
    }

    /// <summary>The replay may give a call that is made again another number than the one that it had.</summary>
    [Fact]
    public async Task CallThatIsMadeAgainUnderAnotherNumber_HasAnotherKey_AndTheOthersKeepTheirOutcomes()
    {
        var held = new Hold();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var first = await checkout.CallAsync(context, "first");
            var second = checkout.CallAsync(context, "second");
            if (count == 1) await held.Reached;
            using var third = await checkout.CallAsync(context, "third");
            held.Release();
            using var late = await second;
        }, async (context, count) =>
        {
            if (count == 2) await held.Before(Checkout.PayAsync)(context, count);
            else await Checkout.PayAsync(context, count);
        });
        using var order = await checkout.Gateway.Client.GetAsync("/order");
        Assert.Equal(["first", "second", "third"], checkout.Ledger);

        using var control = new HttpClient { BaseAddress = checkout.Gateway.Control };
        foreach (var calls in new[] { 4, 5 })
        {
            var step = (await checkout.Gateway.Store.GetStepsAsync(checkout.Run))!.MaxBy(outcome => outcome.EndedAt)!.Id;
            using var done = await control.PostAsJsonAsync($"/_durable/v1/admin/runs/{checkout.Run}/from-step", new { step });
            Assert.Equal(HttpStatusCode.OK, done.StatusCode);
            await Eventually.TrueAsync(() => checkout.Payments.Seen.Count == calls, "the call is made again");
            await EndedAsync(checkout);
        }

        Assert.Equal(["first", "second", "third", "second", "second"], checkout.Ledger);
        Assert.Equal(5, checkout.Payments.Seen.Select(call => call["Idempotency-Key"]).Distinct().Count());
    }

    private static Task EndedAsync(Checkout checkout) => Eventually.TrueAsync(
        async () => (await checkout.Gateway.Store.GetSnapshotAsync(checkout.Run))?.State == RunState.Completed, "the run has ended");
}
