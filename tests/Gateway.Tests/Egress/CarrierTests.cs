using System.Net;
using DurableGateway.Protocol;

namespace DurableGateway.Tests.Egress;

/// <summary>What hands a run on from an attempt to the calls of its service, and where it must not go.</summary>
public sealed class CarrierTests
{
    [Fact]
    public async Task Attempt_HasTheMembersInFrontOfThoseOfTheClient()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/order");
        request.Headers.TryAddWithoutValidation("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        request.Headers.TryAddWithoutValidation("tracestate", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
        request.Headers.TryAddWithoutValidation("baggage", "user=alice");
        using var result = await checkout.Gateway.Client.SendAsync(request);

        var seen = checkout.Service.Seen.Single();

        Assert.Matches("^durable=[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+,congo=t61rcWkgMzE,rojo=00f067aa0ba902b7$", seen["tracestate"]);
        Assert.Matches("^durable\\.run=[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+, ?user=alice$", seen["baggage"]);
        Assert.Contains("0af7651916cd43dd8448eb211c80319c", seen["traceparent"], StringComparison.Ordinal);
        Assert.NotNull(seen["Durable-Egress-Token"]);
        Assert.Equal(3, new[] { TraceState.Find(seen["tracestate"]!), Baggage.Find(seen["baggage"]!), seen["Durable-Egress-Token"] }
            .Distinct().Count());
    }

    [Fact]
    public async Task AttemptWithoutATrace_GetsOne_BecauseServicesHandTheStateOnWithItAlone()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask);
        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$", checkout.Service.Seen.Single()["traceparent"]);
    }

    /// <summary>A service begins another trace in the place of such a one, and drops the state. Its calls would belong to no run.</summary>
    [Theory]
    [InlineData("garbage")]
    [InlineData("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    [InlineData("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    [InlineData("")]
    public async Task AttemptWithAnInvalidTrace_GetsAnother(string sent)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/order");
        request.Headers.TryAddWithoutValidation("traceparent", sent);
        using var result = await checkout.Gateway.Client.SendAsync(request);

        var seen = checkout.Service.Seen.Single()["traceparent"];

        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$", seen);
        Assert.NotEqual(sent, seen);
    }

    [Fact]
    public async Task WhatIsOurs_DoesNotLeave_AndWhatIsOthersDoes()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var request = checkout.Request(context.Request.Headers["tracestate"] + ",other=1", "10 EUR");
            request.Headers.TryAddWithoutValidation("baggage", context.Request.Headers["baggage"] + ",user=alice");
            request.Headers.TryAddWithoutValidation("Correlation-Context", context.Request.Headers["baggage"].ToString());
            request.Headers.TryAddWithoutValidation("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
            request.Headers.TryAddWithoutValidation("Durable-Egress-Token", context.Request.Headers["Durable-Egress-Token"].ToString());
            request.Headers.TryAddWithoutValidation("Durable-Token", context.Request.Headers["Durable-Token"].ToString());
            using var charged = await Checkout.Client.SendAsync(request);
        });
        using var result = await checkout.Gateway.Client.GetAsync("/order");

        var call = checkout.Payments.Seen.Single();

        Assert.Equal("other=1", call["tracestate"]);
        Assert.Equal("user=alice", call["baggage"]);
        Assert.Null(call["Correlation-Context"]);
        Assert.Contains("0af7651916cd43dd8448eb211c80319c", call["traceparent"], StringComparison.Ordinal);
        Assert.DoesNotContain(call.Headers, header => header.Key.StartsWith("Durable", StringComparison.OrdinalIgnoreCase)
            || header.Key.StartsWith("X-Forwarded", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(new Uri(checkout.Payments.Url).Authority, call["Host"]);
    }

    /// <summary>A service in an attempt may call the gateway as a client. Its run is not that of the service behind it.</summary>
    [Theory]
    [InlineData("default")]
    [InlineData("disable")]
    public async Task MembersOfAClient_DoNotReachTheService(string policy)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null,
            $"ReverseProxy:Routes:upstream:Metadata:Durable.Policy={policy}");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/order");
        request.Headers.TryAddWithoutValidation("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        request.Headers.TryAddWithoutValidation("tracestate", "durable=forged,other=1");
        request.Headers.TryAddWithoutValidation("baggage", "durable.run=forged");
        request.Headers.TryAddWithoutValidation("Durable-Egress-Token", "forged");
        using var result = await checkout.Gateway.Client.SendAsync(request);

        var seen = checkout.Service.Seen.Single();

        Assert.EndsWith("other=1", seen["tracestate"], StringComparison.Ordinal);
        Assert.DoesNotContain(seen.Headers, header => header.Value.Contains("forged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task CallOfNoRun_IsForwardedAsItIs()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask);

        using var charged = await Checkout.Client.SendAsync(checkout.Request(null, "10 EUR"));

        Assert.Equal(HttpStatusCode.Created, charged.StatusCode);
        Assert.Null(checkout.Payments.Seen.Single()["Idempotency-Key"]);
    }

    [Fact]
    public async Task HeadersOfTheContract_DoNotComeBack()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, (context, _) =>
        {
            context.Response.Headers["Durable-Suspended"] = "?1";
            return Task.CompletedTask;
        });

        using var charged = await Checkout.Client.SendAsync(checkout.Request(null, "10 EUR"));

        Assert.False(charged.Headers.Contains("Durable-Suspended"));
    }
}
