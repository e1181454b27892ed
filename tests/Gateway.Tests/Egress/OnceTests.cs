using System.Collections.Concurrent;
using System.Net;

namespace DurableGateway.Tests.Egress;

/// <summary>Calls that are made at most once (<c>Durable.Step.Once</c>).</summary>
public sealed class OnceTests
{
    [Fact]
    public async Task CallThatWasCutOff_IsNotMadeAgain_NeitherInThisAttemptNorInTheNext()
    {
        var statuses = new ConcurrentQueue<int>();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var charged = await checkout.CallAsync(context, "10 EUR");
            using var again = await checkout.CallAsync(context, "10 EUR");
            statuses.Enqueue((int)charged.StatusCode);
            statuses.Enqueue((int)again.StatusCode);
            context.Response.StatusCode = count == 1 ? 503 : 200;
        }, (context, _) =>
        {
            context.Abort();
            return Task.CompletedTask;
        }, "Durable.Step.Once=true");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal([502, 502, 502, 502], statuses);
        Assert.Single(checkout.Ledger);
    }

    [Fact]
    public async Task CallThatWasAnsweredWithAFailure_IsMadeAgain()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var charged = await checkout.CallAsync(context, "10 EUR");
            context.Response.StatusCode = charged.IsSuccessStatusCode ? 200 : 503;
        }, (context, count) =>
        {
            context.Response.StatusCode = count <= 2 ? 503 : 201;
            if (count <= 2) context.Response.Headers.RetryAfter = "1";
            return Task.CompletedTask;
        }, "Durable.Step.Once=true");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(3, checkout.Ledger.Length);
        Assert.Single(checkout.Payments.Seen.Select(call => call["Idempotency-Key"]).Distinct());
    }

    /// <summary>A proxy in front of the called service may have sent the call before it answered like this.</summary>
    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task CallWhoseFailureSaysNothing_IsNotMadeAgain(int status)
    {
        var statuses = new ConcurrentQueue<int>();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var charged = await checkout.CallAsync(context, "10 EUR");
            statuses.Enqueue((int)charged.StatusCode);
            context.Response.StatusCode = count == 1 ? 503 : 200;
        }, (context, _) =>
        {
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        }, "Durable.Step.Once=true");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal([status, 502], statuses);
        Assert.Single(checkout.Ledger);
    }
}
