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

    [Theory]
    [InlineData(Checkout.TraceState)]
    [InlineData(Checkout.Baggage)]
    [InlineData(Checkout.Token)]
    public async Task ForgedOrForeignToken_BelongsToNoRun(string carrier)
    {
        await using var another = await Checkout.StartAsync((_, _, _) => Task.CompletedTask);
        using var elsewhere = await another.Gateway.Client.GetAsync("/order");
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            var own = context.Request.Headers[carrier].ToString();
            var at = own.IndexOf('=', StringComparison.Ordinal) + 1;
            var node = own.IndexOf('.', at);
            string[] wrong =
            [
                own[..at] + (own[at] == 'A' ? 'B' : 'A') + own[(at + 1)..],
                own[..(node - 1)] + (own[node - 1] == 'A' ? 'Q' : 'A') + own[node..],
                own[..node],
                another.Service.Seen.Single()[carrier]!,
            ];
            foreach (var carried in wrong)
            {
                using var call = await Checkout.Client.SendAsync(checkout.Request(carried, "10 EUR", carrier));
                Assert.Equal(HttpStatusCode.Created, call.StatusCode);
            }
        });

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(4, checkout.Payments.Seen.Count);
        Assert.All(checkout.Payments.Seen, call => Assert.Null(call["Idempotency-Key"]));
    }

    [Theory]
    [InlineData(Checkout.TraceState)]
    [InlineData(Checkout.Baggage)]
    [InlineData(Checkout.Token)]
    public async Task StaleToken_MakesNoCall(string carrier)
    {
        string? stale = null;
        HttpStatusCode? status = null;
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 200;
            if (count == 1) stale = context.Request.Headers[carrier];
            if (count == 1) return;
            using var late = await Checkout.Client.SendAsync(checkout.Request(stale, "10 EUR", carrier));
            status = late.StatusCode;
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Empty(checkout.Ledger);
    }

    /// <summary>Who has seen an attempt's members, in a log for example, cannot have another service make calls of that attempt.</summary>
    [Fact]
    public async Task StolenMembersOfAClient_AreNotThoseOfItsRun()
    {
        var stolen = new TaskCompletionSource<SeenRequest>();
        var release = new TaskCompletionSource();
        await using var checkout = await Checkout.StartAsync(async (_, context, _) =>
        {
            if (!context.Request.Path.StartsWithSegments("/victim")) return;
            stolen.SetResult(SeenRequest.Of(context, []));
            await release.Task;
        });
        var victim = checkout.Gateway.Client.GetAsync("/victim");
        var members = await stolen.Task.WaitAsync(World.Patience);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/order");
        foreach (var name in new[] { "traceparent", Checkout.TraceState, Checkout.Baggage, Checkout.Token })
            request.Headers.TryAddWithoutValidation(name, members[name]);

        using var result = await checkout.Gateway.Client.SendAsync(request);
        release.SetResult();
        using var ended = await victim;

        var seen = checkout.Service.Seen.Last();
        foreach (var name in new[] { Checkout.TraceState, Checkout.Baggage, Checkout.Token })
        {
            Assert.NotNull(seen[name]);
            Assert.DoesNotContain(members[name]!.Split('=')[^1].Split('.')[0], seen[name]!, StringComparison.Ordinal);
        }
    }

    /// <summary>W3C Trace Context, §3.3: 32 members, 512 characters.</summary>
    [Theory]
    [InlineData(32, 10, "")]
    [InlineData(40, 1, "")]
    [InlineData(3, 250, "")]
    [InlineData(2, 3, "=,==,A=1,durable,durable=,durable=x,Durable=y,\t,a=b=c,ok=1")]
    public async Task TraceStateAtItsLimits_StillCarriesTheRun(int members, int length, string malformed)
    {
        var isStep = false;
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var call = await checkout.CallAsync(context, "10 EUR");
            isStep = checkout.Payments.Seen.Single()["Idempotency-Key"] is not null;
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, "/order");
        request.Headers.TryAddWithoutValidation("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        for (var i = 0; i < members; i++)
            request.Headers.TryAddWithoutValidation(Checkout.TraceState, $"m{i}={new string('x', length)}");
        if (malformed.Length > 0) request.Headers.TryAddWithoutValidation(Checkout.TraceState, malformed);

        using var result = await checkout.Gateway.Client.SendAsync(request);

        var given = checkout.Service.Seen.Single()[Checkout.TraceState]!;
        Assert.StartsWith("durable=", given, StringComparison.Ordinal);
        Assert.InRange(given.Length, 1, 512);
        Assert.InRange(given.Split(',').Length, 1, 32);
        Assert.Single(given.Split(','), member => member.StartsWith("durable", StringComparison.OrdinalIgnoreCase));
        Assert.True(isStep);
    }

    /// <summary>A service that is called must not speak to the caller in the gateway's name, now or in a replay.</summary>
    [Fact]
    public async Task HeadersOfTheGateway_DoNotComeFromTheCalledService()
    {
        var got = new List<string>();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var call = await checkout.CallAsync(context, "10 EUR");
            got.AddRange(call.Headers.Concat(call.Content.Headers).Concat(call.TrailingHeaders).Select(header => header.Key));
            context.Response.StatusCode = count == 1 ? 503 : 200;
        }, (context, _) =>
        {
            foreach (var name in new[] { "Durable-Run-Id", "Durable-Suspended", "durable-retry", "Durable-Result", "Durable_Token" })
                context.Response.Headers[name] = "?1";
            return context.Response.WriteAsync("receipt");
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Single(checkout.Ledger);
        Assert.NotEmpty(got);
        Assert.DoesNotContain(got, name => name.StartsWith("durable", StringComparison.OrdinalIgnoreCase));
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
