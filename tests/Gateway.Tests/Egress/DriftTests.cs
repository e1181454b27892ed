using System.Net;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Egress;

/// <summary>Replays whose calls differ from those of the attempt before.</summary>
public sealed class DriftTests
{
    [Fact]
    public async Task UnsafeCallThatDiffers_IsNotMade_AndTheRunFails()
    {
        await using var checkout = await StartAsync();

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.Conflict, result.StatusCode);
        var problem = await result.Content.ReadAsStringAsync();
        Assert.Contains("step-drift", problem, StringComparison.Ordinal);
        Assert.Contains("$.at", problem, StringComparison.Ordinal);
        Assert.Single(checkout.Ledger);
    }

    [Fact]
    public async Task IgnoredPath_DoesNotCount()
    {
        await using var checkout = await StartAsync("Durable.Step.Ignore=$.at");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1", await result.Content.ReadAsStringAsync());
        Assert.Single(checkout.Ledger);
    }

    [Fact]
    public async Task Remember_AnswersByOrder()
    {
        await using var checkout = await StartAsync("Durable.Step.Drift=Remember");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1", await result.Content.ReadAsStringAsync());
        Assert.Single(checkout.Ledger);
    }

    [Fact]
    public async Task Execute_MakesTheCall()
    {
        await using var checkout = await StartAsync("Durable.Step.Drift=Execute");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 2", await result.Content.ReadAsStringAsync());
        Assert.Equal(2, checkout.Ledger.Length);
    }

    /// <summary>A service that makes its calls at once makes them in any order, which is no drift.</summary>
    [Fact]
    public async Task CallsMadeAtOnce_FindTheirOutcomesInAnyOrder()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            if (count == 1)
            {
                // Only one of the two is remembered.
                using var charged = await checkout.CallAsync(context, "a");
                context.Response.StatusCode = 503;
                return;
            }

            var other = checkout.CallAsync(context, "b");
            var same = checkout.CallAsync(context, "a");
            await context.Response.WriteAsync(await (await same).Content.ReadAsStringAsync());
            await context.Response.WriteAsync(await (await other).Content.ReadAsStringAsync());
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1receipt 2", await result.Content.ReadAsStringAsync());
        Assert.Equal(["a", "b"], checkout.Ledger);
    }

    [Fact]
    public async Task Drift_IsInTheHistory()
    {
        await using var checkout = await StartAsync("Durable.Step.Drift=Execute");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.True(RunId.TryParse(checkout.Service.Seen.First()["Durable-Run-Id"], out var run));
        var history = await checkout.Gateway.Services.GetRequiredService<IRunHistory>().GetAsync(run);
        Assert.Equal("payments POST /payments/charges differs from step 'payments POST /payments/charges' in $.at.",
            history.Single(entry => entry.Kind == HistoryKind.Mismatch).Text);
    }

    /// <summary>The body of the only call has the number of the attempt.</summary>
    private static Task<Checkout> StartAsync(params string[] settings) => Checkout.StartAsync(async (checkout, context, count) =>
    {
        using var charged = await checkout.CallAsync(context, $$"""{"amount":10,"at":{{count}}}""");
        context.Response.StatusCode = count == 1 || !charged.IsSuccessStatusCode ? 503 : 200;
        await context.Response.WriteAsync(await charged.Content.ReadAsStringAsync());
    }, null, settings);
}
