using System.Collections.Concurrent;
using System.Net;
using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>Calls of a service while the store does not answer, and on a node that does not hold their attempt.</summary>
public sealed class StoreTests
{
    /// <summary>A call that leaves before its run is stored would be forgotten by a crash.</summary>
    [Fact]
    public async Task CallWhoseRunCannotBeStored_IsNotMade()
    {
        await using var payments = await TestService.StartAsync(Checkout.PayAsync);
        GatewayHost? gateway = null;
        HttpStatusCode? status = null;
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            status = await ChargeAsync(gateway!.Egress, context);
            context.Response.StatusCode = 503;
        });
        await using (gateway = await GatewayHost.StartAsync(service.Url,
            ObservedStore.Of((method, _, call) => method == nameof(IRunStore.CreateRunningAsync)
                ? Task.FromException<bool>(new StoreUnavailableException("away"))
                : call()),
            Checkout.Settings(payments.Url, "Durable:Policies:default:Retry:MaxAttempts=1")))
        {
            using var result = await gateway.Client.GetAsync("/order");

            Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
            Assert.Empty(payments.Seen);
        }
    }

    /// <summary>The end of the response is given after the outcome is stored, so a service never goes on without it.</summary>
    [Fact]
    public async Task OutcomeThatCannotBeStored_IsNotGivenToTheService()
    {
        var tries = 0;
        var cut = 0;
        await using var payments = await TestService.StartAsync(Checkout.PayAsync);
        GatewayHost? gateway = null;
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            try
            {
                await ChargeAsync(gateway!.Egress, context);
            }
            catch (HttpRequestException)
            {
                Interlocked.Increment(ref cut);
                context.Response.StatusCode = 503;
            }
        });
        await using (gateway = await GatewayHost.StartAsync(service.Url,
            ObservedStore.Of((method, _, call) =>
                method == nameof(IRunStore.StoreOutcomeAsync) && Interlocked.Increment(ref tries) <= 1
                    ? Task.FromResult(new StepAnswer(StepVerdict.Superseded))
                    : call()),
            Checkout.Settings(payments.Url)))
        {
            using var result = await gateway.Follower.GetAsync("/order");

            Assert.Equal(HttpStatusCode.OK, result.StatusCode);
            Assert.Equal(1, cut);
            Assert.Single(payments.Seen.Select(call => call["Idempotency-Key"]).Distinct());
        }
    }

    [Fact]
    public async Task LostAnswerOfTheStore_IsAskedForAgain()
    {
        var tries = 0;
        await using var payments = await TestService.StartAsync(Checkout.PayAsync);
        GatewayHost? gateway = null;
        var statuses = new ConcurrentQueue<HttpStatusCode>();
        await using var service = await TestService.StartAsync(async (context, _) =>
            statuses.Enqueue(await ChargeAsync(gateway!.Egress, context)));
        await using (gateway = await GatewayHost.StartAsync(service.Url,
            ObservedStore.Of((method, _, call) => method == nameof(IRunStore.StoreOutcomeAsync) && Interlocked.Increment(ref tries) <= 1
                ? LoseAsync((Task<StepAnswer>)call()!)
                : call()),
            Checkout.Settings(payments.Url)))
        {
            using var result = await gateway.Follower.GetAsync("/order");

            Assert.Equal([HttpStatusCode.Created], statuses);
            Assert.Single(payments.Seen);
            Assert.Equal(2, tries);
        }

        static async Task<StepAnswer> LoseAsync(Task<StepAnswer> write)
        {
            await write;
            throw new StoreUnavailableException("lost") { MayHaveHappened = true };
        }
    }

    [Fact]
    public async Task CallOnAnotherNode_IsMadeByTheNodeThatHoldsTheAttempt()
    {
        var settings = await OnRedis.SettingsAsync([nameof(CallOnAnotherNode_IsMadeByTheNodeThatHoldsTheAttempt)]);
        await using var payments = await TestService.StartAsync(Checkout.PayAsync);
        GatewayHost? other = null;
        GatewayHost? gateway = null;
        var got = new ConcurrentQueue<string>();
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            // Alike, and on both nodes: only one of them may number them.
            using var one = await CallAsync(gateway!.Egress, context);
            using var two = await CallAsync(other!.Egress, context);
            got.Enqueue(await one.Content.ReadAsStringAsync() + ", " + await two.Content.ReadAsStringAsync());
            context.Response.StatusCode = count == 1 ? 503 : 200;
        });
        await using var second = other = await GatewayHost.StartAsync(service.Url, [.. Checkout.Settings(payments.Url), .. settings]);
        await using var first = gateway = await GatewayHost.StartAsync(service.Url, [.. Checkout.Settings(payments.Url), .. settings]);

        using var result = await gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(["receipt 1, receipt 2", "receipt 1, receipt 2"], got);
        Assert.Equal(2, payments.Seen.Count);
    }

    [Fact]
    public async Task CallThatFailedWhileTheStoreWasAway_CanBeRepeated()
    {
        var tries = 0;
        await using var payments = await TestService.StartAsync((context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 201;
            if (count == 1) context.Response.Headers.RetryAfter = "1";
            return context.Response.WriteAsync("receipt");
        });
        GatewayHost? gateway = null;
        var statuses = new ConcurrentQueue<HttpStatusCode>();
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            statuses.Enqueue(await ChargeAsync(gateway!.Egress, context));
            statuses.Enqueue(await ChargeAsync(gateway!.Egress, context));
        });
        await using (gateway = await GatewayHost.StartAsync(service.Url,
            ObservedStore.Of((method, _, call) => method == nameof(IRunStore.ScheduleStepAsync) && Interlocked.Increment(ref tries) <= 1
                ? Task.FromException<StepAnswer>(new StoreUnavailableException("away"))
                : call()),
            Checkout.Settings(payments.Url, "Durable.Step.Once=true")))
        {
            using var result = await gateway.Client.GetAsync("/order");

            Assert.Equal([HttpStatusCode.ServiceUnavailable, HttpStatusCode.Created], statuses);
        }
    }

    /// <summary>The service gives up while a slow store takes the outcome, and repeats its call. It must not be another call.</summary>
    [Fact]
    public async Task RepetitionWhileTheOutcomeIsBeingStored_GetsIt()
    {
        var store = new Hold();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            await checkout.LeaveAsync(context, "10 EUR", store.Reached);
            var again = checkout.CallAsync(context, "10 EUR");
            await checkout.WaitingAsync(1);
            store.Release();
            using var charged = await again;
            await context.Response.WriteAsync(await charged.Content.ReadAsStringAsync());
        }, null, store.Store<StepAnswer>(nameof(IRunStore.StoreOutcomeAsync)));

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1", await result.Content.ReadAsStringAsync());
        Assert.Single(checkout.Ledger);
    }

    /// <summary>The service gives up while a slow store takes its run, and repeats its call. Only the repetition is made.</summary>
    [Fact]
    public async Task CallWhoseCallerHasGoneBeforeItLeaves_IsNotMade()
    {
        var store = new Hold();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            await checkout.LeaveAsync(context, "10 EUR", store.Reached);
            var again = checkout.CallAsync(context, "10 EUR");
            await Eventually.TrueAsync(() => checkout.Callers.Came == 2, "the repetition has come");
            store.Release();
            using var charged = await again;
            await context.Response.WriteAsync(await charged.Content.ReadAsStringAsync());
        }, null, store.Store<bool>(nameof(IRunStore.CreateRunningAsync)));

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Single(checkout.Ledger);
    }

    /// <summary>The addresses of the nodes have changed, and a token names one that is this node's by another name.</summary>
    [Fact]
    public async Task CallThatComesBackFromAnotherNode_IsNotForwardedAgain()
    {
        await using var payments = await TestService.StartAsync(Checkout.PayAsync);
        GatewayHost? gateway = null;
        HttpStatusCode? status = null;
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            var tokens = gateway!.Services.GetRequiredService<Tokens>();
            Assert.True(RunId.TryParse(context.Request.Headers["Durable-Run-Id"], out var run));
            var address = $"http://localhost:{gateway.Egress.Port}";
            var request = new HttpRequestMessage(HttpMethod.Post, new Uri(gateway.Egress, "/payments/charges"));
            request.Headers.TryAddWithoutValidation(Checkout.Token,
                tokens.ForEgress(Checkout.Token, run, new Fence(1, 7), address));
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            using var charged = await Checkout.Client.SendAsync(request, patience.Token);
            status = charged.StatusCode;
        });
        await using (gateway = await GatewayHost.StartAsync(service.Url, Checkout.Settings(payments.Url)))
        {
            using var result = await gateway.Client.GetAsync("/order");

            Assert.Equal(HttpStatusCode.Conflict, status);
            Assert.Empty(payments.Seen);
        }
    }

    [Fact]
    public async Task CallOnAnotherNode_HasItsHeaders()
    {
        var settings = await OnRedis.SettingsAsync([nameof(CallOnAnotherNode_HasItsHeaders)]);
        await using var payments = await TestService.StartAsync(Checkout.PayAsync);
        GatewayHost? other = null;
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            var request = new HttpRequestMessage(HttpMethod.Delete, new Uri(other!.Egress, "/payments/1"));
            request.Headers.TryAddWithoutValidation(Checkout.Token, context.Request.Headers[Checkout.Token].ToString());
            request.Headers.TryAddWithoutValidation("X-Name", "Jos\u00e9");
            using var deleted = await Utf8.SendAsync(request);
        });
        await using var second = other = await GatewayHost.StartAsync(service.Url, [.. Checkout.Settings(payments.Url), .. settings]);
        await using var first = await GatewayHost.StartAsync(service.Url, [.. Checkout.Settings(payments.Url), .. settings]);

        using var result = await first.Client.GetAsync("/order");

        var call = payments.Seen.Single();
        Assert.Equal("Jos\u00e9", call["X-Name"]);
        Assert.DoesNotContain(call.Headers, header => header.Key.StartsWith("Durable", StringComparison.OrdinalIgnoreCase));
    }

    private static readonly HttpClient Utf8 = new(new SocketsHttpHandler
    {
        ActivityHeadersPropagator = null,
        RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
    });

    private static async Task<HttpStatusCode> ChargeAsync(Uri egress, HttpContext context)
    {
        using var charged = await CallAsync(egress, context);
        return charged.StatusCode;
    }

    private static Task<HttpResponseMessage> CallAsync(Uri egress, HttpContext context, CancellationToken cancellation = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(egress, "/payments/charges"))
        {
            Content = new StringContent("10 EUR"),
        };
        request.Headers.TryAddWithoutValidation(Checkout.Token, context.Request.Headers[Checkout.Token].ToString());
        return Checkout.Client.SendAsync(request, cancellation);
    }
}
