using System.Collections.Concurrent;
using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>Calls that a service makes, and the answers that its replays get.</summary>
public sealed class RememberedCallTests
{
    [Theory]
    [InlineData(Checkout.TraceState)]
    [InlineData(Checkout.Baggage)]
    [InlineData(Checkout.Token)]
    public async Task Replay_GetsTheOutcomeByteForByte_AndTheCallIsMadeOnce(string carrier)
    {
        var got = new ConcurrentQueue<string>();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var charged = await checkout.CallAsync(context, "10 EUR", carrier);
            got.Enqueue($"{(int)charged.StatusCode} {charged.Headers.GetValues("X-Receipt").Single()} "
                + await charged.Content.ReadAsStringAsync());
            context.Response.StatusCode = count == 1 ? 503 : 200;
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(["201 r1 receipt 1", "201 r1 receipt 1"], got);
        Assert.Equal(["10 EUR"], checkout.Ledger);
    }

    [Fact]
    public async Task ResponseWithoutABody_IsRemembered()
    {
        var got = new ConcurrentQueue<HttpStatusCode>();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var charged = await checkout.CallAsync(context, "");
            got.Enqueue(charged.StatusCode);
            context.Response.StatusCode = count == 1 ? 503 : 200;
        }, (context, _) =>
        {
            context.Response.StatusCode = 204;
            return Task.CompletedTask;
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal([HttpStatusCode.NoContent, HttpStatusCode.NoContent], got);
        Assert.Single(checkout.Ledger);
    }

    [Fact]
    public async Task CallsThatAreAlike_AreStepsOfTheirOwn_WithKeysOfTheirOwn()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var one = await checkout.CallAsync(context, "10 EUR");
            using var two = await checkout.CallAsync(context, "10 EUR");
            context.Response.StatusCode = count == 1 ? 503 : 200;
            await context.Response.WriteAsync(await one.Content.ReadAsStringAsync() + await two.Content.ReadAsStringAsync());
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1receipt 2", await result.Content.ReadAsStringAsync());
        Assert.Equal(["10 EUR", "10 EUR"], checkout.Ledger);
        Assert.Equal(2, checkout.Payments.Seen.Select(call => call["Idempotency-Key"]).Distinct().Count());
        var steps = await checkout.Gateway.Store.GetStepsAsync(checkout.Run);
        Assert.Equal(["payments POST /payments/charges", "payments POST /payments/charges#2"], steps!.Select(step => step.Id));
    }

    [Fact]
    public async Task OwnIdempotencyKey_IsKept()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var request = checkout.Request(context.Request.Headers[Checkout.TraceState], "10 EUR");
            request.Headers.TryAddWithoutValidation("Idempotency-Key", "mine");
            using var charged = await Checkout.Client.SendAsync(request);
        });

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("mine", checkout.Payments.Seen.Single()["Idempotency-Key"]);
    }

    [Fact]
    public async Task CallOfASupersededAttempt_IsRefusedBeforeItLeaves()
    {
        string? stale = null;
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            if (count == 1)
            {
                stale = context.Request.Headers[Checkout.TraceState];
                context.Response.StatusCode = 503;
                return;
            }

            using var late = await Checkout.Client.SendAsync(checkout.Request(stale, "10 EUR"));
            await context.Response.WriteAsync($"{(int)late.StatusCode}");
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("409", await result.Content.ReadAsStringAsync());
        Assert.Empty(checkout.Ledger);
    }

    [Fact]
    public async Task CallOfAParkedAttempt_IsRefusedBeforeItLeaves()
    {
        string? carried = null;
        await using var checkout = await Checkout.StartAsync((_, context, _) =>
        {
            carried = context.Request.Headers[Checkout.TraceState];
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        }, null, World.RetryMuchLater);
        using var redirect = await checkout.Gateway.Client.GetAsync("/order");

        using var late = await Checkout.Client.SendAsync(checkout.Request(carried, "10 EUR"));

        Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);
        Assert.Contains("attempt-superseded", await late.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(checkout.Ledger);
    }

    [Fact]
    public async Task CallAfterTheResponse_Passes()
    {
        string? carried = null;
        await using var checkout = await Checkout.StartAsync((_, context, _) =>
        {
            carried = context.Request.Headers[Checkout.TraceState];
            return Task.CompletedTask;
        });
        using var result = await checkout.Gateway.Client.GetAsync("/order");

        using var late = await Checkout.Client.SendAsync(checkout.Request(carried, "a log line"));

        Assert.Equal(HttpStatusCode.Created, late.StatusCode);
        Assert.Equal(["a log line"], checkout.Ledger);
    }

    [Fact]
    public async Task CallOfAnSdksStep_IsNotRememberedASecondTime()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var request = checkout.Request(context.Request.Headers[Checkout.TraceState], "10 EUR");
            request.Headers.TryAddWithoutValidation("Durable-In-Step", "?1");
            using var charged = await Checkout.Client.SendAsync(request);
            await Checkpoint.PutAsync(SeenRequest.Of(context, []), "charge", "1");
        });

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("charge", Assert.Single((await checkout.Gateway.Store.GetStepsAsync(checkout.Run))!).Id);
    }

    [Fact]
    public async Task Sdk_DoesNotSeeCallsAmongItsSteps()
    {
        var seen = new ConcurrentQueue<string>();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            var request = SeenRequest.Of(context, []);
            using var charged = await checkout.CallAsync(context, "10 EUR");
            await Checkpoint.PutAsync(request, "label", "1");
            using var call = HeldAttempt.Call(HttpMethod.Get, request["Durable-Callback"] + "/steps", request["Durable-Token"]);
            seen.Enqueue($"{request["Durable-Step-Count"]} {request["Durable-Steps"]}");
            var list = (await HeldAttempt.SendAsync(call)).Json;
            seen.Enqueue(string.Join(' ', list.EnumerateArray().Select(step => step.GetProperty("id"))));
            context.Response.StatusCode = count == 1 ? 503 : 200;
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal([" ", "label", "1 \"label\";ok=:MQ==:", "label"], seen);
    }

    [Fact]
    public async Task LargeResponse_PassesUnremembered_AndTheHistorySaysSo()
    {
        var large = new string('x', 100_000);
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var got = await checkout.CallAsync(context, "");
            await context.Response.WriteAsync($"{(await got.Content.ReadAsStringAsync()).Length}");
        }, (context, _) => context.Response.WriteAsync(large), "Durable:Policies:default:MaxStepBytes=64KiB");

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("100000", await result.Content.ReadAsStringAsync());
        Assert.Empty((await checkout.Gateway.Store.GetStepsAsync(checkout.Run))!);
        await checkout.NotedAsync("not remembered: payments POST /payments/charges: its response is larger than MaxStepBytes");
    }

    [Fact]
    public async Task StreamOfEvents_PassesAsItComes()
    {
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var got = await Checkout.Client.SendAsync(checkout.Request(context.Request.Headers[Checkout.TraceState], ""),
                HttpCompletionOption.ResponseHeadersRead);
            await using var events = await got.Content.ReadAsStreamAsync();
            await events.ReadExactlyAsync(new byte[10]);
            first.SetResult();
            await context.Response.WriteAsync(await new StreamReader(events).ReadToEndAsync());
        }, async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: one\n");
            await context.Response.Body.FlushAsync();
            await first.Task;
            await context.Response.WriteAsync("data: two\n");
        });

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("data: two\n", await result.Content.ReadAsStringAsync());
        await checkout.NotedAsync("not remembered: payments POST /payments/charges: its response is a stream of events");
    }

    [Fact]
    public async Task TooManySteps_RefusesTheCallBeforeItLeaves()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var one = await checkout.CallAsync(context, "1");
            using var two = await checkout.CallAsync(context, "2");
            await context.Response.WriteAsync($"{(int)two.StatusCode}");
        }, null, "Durable:Policies:default:MaxSteps=1");

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("422", await result.Content.ReadAsStringAsync());
        Assert.Equal(["1"], checkout.Ledger);
    }

    [Fact]
    public async Task TooManyStepsAtOnce_RefusesTheCallBeforeItLeaves()
    {
        var held = new Hold();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            var call = checkout.CallAsync(context, "1");
            await held.Reached;
            using var two = await checkout.CallAsync(context, "2").WaitAsync(TimeSpan.FromSeconds(30));
            held.Release();
            using var one = await call;
            await context.Response.WriteAsync($"{(int)one.StatusCode} {(int)two.StatusCode}");
        }, held.Before(Checkout.PayAsync), "Durable:Policies:default:MaxSteps=1");

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("201 422", await result.Content.ReadAsStringAsync());
        Assert.Equal(["1"], checkout.Ledger);
    }

    [Fact]
    public async Task MethodThatIsNotRemembered_IsMadeInEachAttempt()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            using var charged = await checkout.CallAsync(context, "10 EUR");
            context.Response.StatusCode = count == 1 ? 503 : 200;
        }, null, "Durable.Step.Methods=PUT, DELETE");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(["10 EUR", "10 EUR"], checkout.Ledger);
    }

    /// <summary>The service must not go on as if its call were remembered.</summary>
    [Fact]
    public async Task StepOfTheSdkWithTheIdOfTheCall_IsNotTakenForItsOutcome()
    {
        var failures = 0;
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            if (count > 1) return;
            var step = Uri.EscapeDataString("payments POST /payments/charges");
            Assert.Equal(HttpStatusCode.Created, await Checkpoint.PutAsync(SeenRequest.Of(context, []), step, "1"));
            try
            {
                using var charged = await checkout.CallAsync(context, "10 EUR");
                await charged.Content.ReadAsStringAsync();
            }
            catch (HttpRequestException)
            {
                failures++;
            }

            context.Response.StatusCode = 503;
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(1, failures);
    }
}
