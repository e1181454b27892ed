using System.Net;
using System.Net.Sockets;
using System.Text;
using DurableGateway.Admin;
using DurableGateway.Listeners;
using DurableGateway.Protocol;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>Calls of a service that uses the egress listener as its <c>HTTP_PROXY</c>.</summary>
public sealed class ForwardTests
{
    [Theory]
    [InlineData(Checkout.TraceState)]
    [InlineData(Checkout.Baggage)]
    [InlineData(Checkout.Token)]
    public async Task CallOfAHostThatARouteNames_IsAStep(string carrier)
    {
        var got = new List<string>();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var charged = await Forwarding.CallAsync(
                checkout.Gateway, context, $"http://{Forwarding.Host}/charges?a=1", "10 EUR", carrier);
            var receipt = charged.Headers.GetValues("X-Receipt").Single();
            got.Add($"{(int)charged.StatusCode} {await charged.Content.ReadAsStringAsync()} {receipt}");
            context.Response.StatusCode = count == 1 ? 503 : 200;
        }, null, Forwarding.Route);

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(["201 receipt 1 r1", "201 receipt 1 r1"], got);
        var call = Assert.Single(checkout.Payments.Seen);
        Assert.Equal("/charges?a=1", call.Target);
        Assert.NotNull(call["Idempotency-Key"]);
        Assert.Equal(new Uri(checkout.Payments.Url).Authority, call["Host"]);
    }

    [Fact]
    public async Task Step_IsNamedByTheUrl()
    {
        var run = default(RunId);
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            Assert.True(RunId.TryParse(context.Request.Headers["Durable-Run-Id"], out run));
            using var charged = await Forwarding.CallAsync(
                checkout.Gateway, context, $"http://{Forwarding.Host.ToUpperInvariant()}:80/charges", "10 EUR");
            context.Response.StatusCode = count == 1 ? 503 : 200;
        }, null, Forwarding.Route);

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        var steps = await checkout.Gateway.Store.GetStepsAsync(run);
        Assert.Equal($"forward POST http://{Forwarding.Host}/charges", Assert.Single(steps!).Id);
    }

    /// <summary>A path that another host has is not a path of this gateway.</summary>
    [Fact]
    public async Task AbsoluteForm_IsNotMatchedByRoutesWithoutHosts()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask);
        using var client = Forwarding.ClientOf(checkout.Gateway);

        using var answer = await client.GetAsync("http://other.test/payments/charges");

        await Forwarding.AssertRefusedAsync(answer, "Match:Hosts");
        Assert.Empty(checkout.Ledger);
    }

    /// <summary>HTTP/1.0 has no Host, and the target is all that there is.</summary>
    [Fact]
    public async Task TargetAlone_SaysTheHost()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Route);

        var answer = await Raw.SendAsync(checkout.Gateway.Egress, $"GET http://{Forwarding.Host}/charges HTTP/1.0\n\n");

        Assert.Equal(201, answer.Status);
        Assert.Equal(new Uri(checkout.Payments.Url).Authority, Assert.Single(checkout.Payments.Seen)["Host"]);
    }

    /// <summary>A name that leads to the gateway by DNS is as good as a proxy.</summary>
    [Fact]
    public async Task OriginForm_IsMatchedByHostToo()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Route);

        var answer = await Raw.SendAsync(checkout.Gateway.Egress, $"GET /charges HTTP/1.1\nHost: {Forwarding.Host}\nConnection: close\n\n");

        Assert.Equal(201, answer.Status);
    }

    [Fact]
    public async Task RequestedHost_IsForwardedTo()
    {
        var got = new List<string>();
        await using var other = await TestService.StartAsync((context, _) => context.Response.WriteAsync("other"));
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            foreach (var url in new[] { checkout.Payments.Url, other.Url.Replace("127.0.0.1", "localhost", StringComparison.Ordinal) })
            {
                using var answer = await Forwarding.CallAsync(checkout.Gateway, context, url + "/charges", "10 EUR");
                got.Add(await answer.Content.ReadAsStringAsync());
            }

            context.Response.StatusCode = count == 1 ? 503 : 200;
        }, null, Forwarding.RequestedHost);

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(["receipt 1", "other", "receipt 1", "other"], got);
        Assert.Single(checkout.Ledger);
        Assert.Equal("localhost:" + new Uri(other.Url).Port, Assert.Single(other.Seen)["Host"]);
    }

    [Fact]
    public async Task RequestedHost_IsForwardedToAgain_AndARefusedOneIsNot()
    {
        var statuses = new List<HttpStatusCode>();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            foreach (var url in new[] { checkout.Payments.Url, $"http://127.0.0.1:{checkout.Gateway.Public.Port}" })
            {
                using var answer = await Forwarding.CallAsync(checkout.Gateway, context, url + "/charges", "10 EUR");
                statuses.Add(answer.StatusCode);
            }
        }, (context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 201;
            return Task.CompletedTask;
        }, [.. Forwarding.RequestedHost, "ReverseProxy:Routes:asked:Metadata:Durable.Step.Retry=max-attempts=3, delay=0.01"]);

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal([HttpStatusCode.Created, HttpStatusCode.Forbidden], statuses);
        Assert.Equal(2, checkout.Payments.Seen.Count);
    }

    /// <summary>What arrives in origin form came from this gateway, or from one like it. It would go round without end.</summary>
    [Fact]
    public async Task RequestedHost_NeedsAnAbsoluteTarget()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.RequestedHost);

        var answer = await Raw.SendAsync(checkout.Gateway.Egress,
            $"GET /charges HTTP/1.1\nHost: {new Uri(checkout.Payments.Url).Authority}\nConnection: close\n\n");

        Assert.Equal(400, answer.Status);
        Assert.Empty(checkout.Ledger);
    }

    [Fact]
    public async Task UnknownHost_IsRefused_UnlessAnyIsForwarded()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Route);
        await using var open = await GatewayHost.StartAsync(checkout.Service.Url, Checkout.Settings(checkout.Payments.Url, Forwarding.Any));
        using var refused = await Forwarding.ClientOf(checkout.Gateway).GetAsync(checkout.Payments.Url + "/_durable/v1/x");
        using var forwarded = await Forwarding.ClientOf(open).GetAsync(checkout.Payments.Url + "/_durable/v1/x");

        await Forwarding.AssertRefusedAsync(refused, "Durable:Egress:Forward is Routes");
        Assert.Equal(HttpStatusCode.Created, forwarded.StatusCode);
        Assert.Equal("/_durable/v1/x", Assert.Single(checkout.Payments.Seen).Target);
    }

    /// <summary>Nothing but what is ours, and what belongs to the hop, is taken out of a call, and nothing is put into it.</summary>
    [Fact]
    public async Task CallOfAnyHost_PassesUntouched()
    {
        byte[] body = [0, 1, 2, 255];
        RawAnswer? answer = null;
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            string Given(string name) => $"{name}: {context.Request.Headers[name]}";
            var to = new Uri(checkout.Payments.Url).Authority;
            answer = await Raw.SendAsync(checkout.Gateway.Egress, $"""
                PUT http://{to}/a%2Fb/%E2%82%AC//c;d?e=%20f&g HTTP/1.1
                Host: {to}
                {Given("traceparent")}
                {Given(Checkout.TraceState)},other=1
                {Given(Checkout.Baggage)},other=1
                {Given(Checkout.Token)}
                {Given("Durable-Token")}
                Proxy-Authorization: Basic c2VjcmV0
                Proxy-Connection: keep-alive
                Connection: close
                X-Own: own
                Content-Length: 4


                """, body);
        }, null, Forwarding.Any);

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        var call = Assert.Single(checkout.Payments.Seen);
        Assert.Equal("/a%2Fb/%E2%82%AC//c;d?e=%20f&g", call.Target);
        Assert.Equal(body, call.Body);
        Assert.Equal("own", call["X-Own"]);
        Assert.Equal("other=1", call[Checkout.TraceState]);
        Assert.Equal("other=1", call[Checkout.Baggage]);
        Assert.Equal(new Uri(checkout.Payments.Url).Authority, call["Host"]);
        Assert.Null(call["Idempotency-Key"]);
        Assert.DoesNotContain(call.Headers, header =>
            new[] { "Durable", "X-Forwarded", "Forwarded", "Proxy-", "Via" }.Any(name =>
                header.Key.StartsWith(name, StringComparison.OrdinalIgnoreCase)));
        Assert.Equal(201, answer!.Status);
        Assert.Equal("r1", answer["X-Receipt"]);
        Assert.Null(answer["Via"]);
    }

    [Fact]
    public async Task ResponseOfAnyHost_StreamsWithItsTrailers()
    {
        var read = new TaskCompletionSource();
        await using var service = new SocketService(async (_, socket) =>
        {
            await socket.SendAsync("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"u8.ToArray());
            await read.Task;
            await socket.SendAsync("3\r\ntwo\r\n0\r\nX-Sum: 6\r\n\r\n"u8.ToArray());
        });
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Any);
        using var wire = await Wire.ConnectAsync(checkout.Gateway.Egress);
        await wire.WriteAsync($"GET {service.Url}/ HTTP/1.1\r\nHost: {new Uri(service.Url).Authority}\r\nTE: trailers\r\n"
            + "Connection: close, TE\r\n\r\n");

        var head = await wire.ReadHeadAsync();
        var first = Encoding.ASCII.GetString(await wire.ReadSomeAsync());
        read.SetResult();
        var rest = new StringBuilder();
        while (await wire.ReadSomeAsync() is { Length: > 0 } some) rest.Append(Encoding.ASCII.GetString(some));

        Assert.Equal(200, head!.Status);
        Assert.Contains("one", first, StringComparison.Ordinal);
        Assert.Contains("two", rest.ToString(), StringComparison.Ordinal);
        Assert.Contains("X-Sum: 6", rest.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task BuiltInRoute_IsNotShownToOperators()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Any);

        var routes = await checkout.Gateway.Services.GetRequiredService<RouteViewReader>().GetAsync();

        Assert.Equal(["payments", "upstream"], routes.Select(route => route.Route).Order());
    }

    [Fact]
    public async Task CallOnAnotherNode_KeepsItsHost()
    {
        var settings = await OnRedis.SettingsAsync([nameof(CallOnAnotherNode_KeepsItsHost)]);
        string[] forward = [.. Forwarding.Route, .. Forwarding.RequestedHost, .. settings];
        await using var payments = await TestService.StartAsync(Checkout.PayAsync);
        GatewayHost? other = null;
        GatewayHost? gateway = null;
        var got = new List<string>();
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            foreach (var node in new[] { gateway!, other! })
            {
                using var named = await Forwarding.CallAsync(node, context, $"http://{Forwarding.Host}/charges", "10 EUR");
                using var asked = await Forwarding.CallAsync(node, context, payments.Url + "/labels", "1 kg");
                got.Add($"{await named.Content.ReadAsStringAsync()}, {await asked.Content.ReadAsStringAsync()}");
            }

            context.Response.StatusCode = count == 1 ? 503 : 200;
        });
        await using var second = other = await GatewayHost.StartAsync(service.Url, Checkout.Settings(payments.Url, forward));
        await using var first = gateway = await GatewayHost.StartAsync(service.Url, Checkout.Settings(payments.Url, forward));

        using var result = await gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(["receipt 1, receipt 1", "receipt 2, receipt 2", "receipt 1, receipt 1", "receipt 2, receipt 2"], got);
        Assert.Equal(4, payments.Seen.Count);
        Assert.Equal(new Uri(payments.Url).Authority, Assert.Single(payments.Seen.Select(call => call["Host"]).Distinct()));
    }

    /// <summary>The name is resolved where the connection is made, and its addresses are checked there.</summary>
    [Fact]
    public async Task HostWithoutAnAllowedAddress_IsNotConnectedTo()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null,
            Forwarding.Any, "Durable:Egress:Deny:0=127.0.0.0/8", "Durable:Egress:Deny:1=::1");
        var guard = checkout.Gateway.Services.GetRequiredService<DestinationGuard>();

        var refused = await Assert.ThrowsAsync<DestinationRefusedException>(() => guard.ConnectAsync("localhost", 9, default));
        await Assert.ThrowsAsync<SocketException>(() => guard.ConnectAsync("nowhere.invalid", 9, default));
        using var answer = await Forwarding.ClientOf(checkout.Gateway)
            .GetAsync(checkout.Payments.Url.Replace("127.0.0.1", "localhost", StringComparison.Ordinal));

        Assert.Contains("Durable:Egress:Deny", refused.Message, StringComparison.Ordinal);
        await Forwarding.AssertRefusedAsync(answer, "Durable:Egress:Deny");
        Assert.Empty(checkout.Ledger);
    }
}
