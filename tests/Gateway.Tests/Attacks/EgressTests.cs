using System.Net;
using DurableGateway.Tests.Egress;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>What an attacker can do with the egress listener, from either side of it.</summary>
public sealed class EgressTests
{
    [Fact]
    public async Task RoutesOfOneListener_AreNotOnTheOther()
    {
        await using var checkout = await Checkout.StartAsync((_, context, _) => context.Response.WriteAsync("service"));

        using var fromOutside = await checkout.Gateway.Client.PostAsync("/payments/charges", new StringContent("10 EUR"));
        using var fromInside = await Checkout.Client.GetAsync(new Uri(checkout.Gateway.Egress, "/order"));

        // The route of the public listener takes every path.
        Assert.Equal("service", await fromOutside.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.NotFound, fromInside.StatusCode);
        Assert.Empty(checkout.Ledger);
    }

    [Theory]
    [InlineData("/_durable/v1/results/01a206a0-6a1f-7c9e-bec2-f63a475105e0")]
    [InlineData("/_durable/v1/runs/01a206a0-6a1f-7c9e-bec2-f63a475105e0")]
    [InlineData("/_durable/v1/events")]
    [InlineData("/healthz")]
    [InlineData("/")]
    public async Task EgressListener_ServesNothingElse(string path)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask);

        using var answer = await Checkout.Client.GetAsync(new Uri(checkout.Gateway.Egress, path));

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    /// <summary>Two requests in one message, or a target in absolute form: the listener of the connection counts.</summary>
    [Theory]
    [InlineData("GET http://payments/payments/charges HTTP/1.1\nHost: payments\n")]
    [InlineData("POST /order HTTP/1.1\nHost: a\nContent-Length: 0\n\nPOST /payments/charges HTTP/1.1\nHost: a\nContent-Length: 0\n")]
    [InlineData("POST /order HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\n\nPOST /payments/charges HTTP/1.1\nHost: a\n")]
    public async Task PublicConnection_NeverReachesARouteOfTheEgressListener(string head)
    {
        await using var checkout = await Checkout.StartAsync((_, context, _) => context.Response.WriteAsync("service"));

        await Raw.SendAsync(checkout.Gateway.Public, head + "Connection: close\n\n");

        Assert.NotEmpty(checkout.Service.Seen);
        Assert.Empty(checkout.Ledger);
    }

    [Theory]
    [InlineData(Checkout.TraceState, Checkout.Baggage)]
    [InlineData(Checkout.Baggage, Checkout.Token)]
    [InlineData(Checkout.Token, Checkout.TraceState)]
    public async Task TokenOfAnotherCarrier_BelongsToNoRun(string from, string to)
    {
        string? key = "none";
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            var token = context.Request.Headers[from].ToString().Split('=')[^1];
            var carried = to == Checkout.TraceState ? "durable=" + token : to == Checkout.Baggage ? "durable.run=" + token : token;
            using var call = await Checkout.Client.SendAsync(checkout.Request(carried, "10 EUR", to));
            key = checkout.Payments.Seen.Single()["Idempotency-Key"];
        });

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Null(key);
    }

    [Fact]
    public async Task ForgedToken_BelongsToNoRun_AndAValidOneInAnotherCarrierCounts()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            var forged = context.Request.Headers[Checkout.TraceState].ToString();
            forged = forged[..12] + (forged[12] == 'A' ? 'B' : 'A') + forged[13..];
            using var alone = await Checkout.Client.SendAsync(checkout.Request(forged, "forged"));
            using var request = checkout.Request(forged, "valid");
            request.Headers.TryAddWithoutValidation(Checkout.Token, context.Request.Headers[Checkout.Token].ToString());
            using var both = await Checkout.Client.SendAsync(request);
        });

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal([null, "key"], checkout.Payments.Seen.Select(call => call["Idempotency-Key"] is null ? null : "key"));
    }

    /// <summary>The token of a call does nothing but make calls.</summary>
    [Fact]
    public async Task TokenOfACall_IsNoTokenOfASteps()
    {
        HttpStatusCode? status = null;
        await using var checkout = await Checkout.StartAsync(async (_, context, _) =>
        {
            var request = SeenRequest.Of(context, []);
            using var call = HeldAttempt.Call(HttpMethod.Put, request["Durable-Callback"] + "/steps/a", request[Checkout.Token]);
            status = (await HeldAttempt.SendAsync(call)).Status;
        });

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal(HttpStatusCode.Unauthorized, status);
    }

    [Theory]
    [InlineData("/payments/..;/admin")]
    [InlineData("/payments//../admin")]
    [InlineData("/payments/..%2fadmin")]
    public async Task PathThatLeavesTheRoute_IsRefused(string path)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask);

        var answer = await Raw.SendAsync(checkout.Gateway.Egress, $"GET {path} HTTP/1.1\nHost: a\nConnection: close\n\n");

        Assert.Equal(400, answer.Status);
        Assert.Empty(checkout.Ledger);
    }
}
