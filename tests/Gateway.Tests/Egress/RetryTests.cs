using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using DurableGateway.Diagnostics;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>Calls that the gateway makes again before the service sees their failure (<c>Durable.Step.Retry</c>).</summary>
public sealed class RetryTests
{
    private const string Fast = "Durable.Step.Retry=max-attempts=3, delay=0.01";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task FailedTries_AreNotSeenByTheService_AndHaveOneKeyAndTheWholeBody()
    {
        var body = new string('x', 100_000);
        await using var checkout = await Checkout.StartAsync(
            (checkout, context, _) => AnswerAsync(context, () => checkout.CallAsync(context, body)), FailingUntil(3), Fast);

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("201 receipt 3", await result.Content.ReadAsStringAsync());
        Assert.Equal([body, body, body], checkout.Ledger);
        Assert.Single(checkout.Payments.Seen.Select(call => call["Idempotency-Key"]).Distinct());
        Assert.Equal("payments POST /payments/charges", Assert.Single((await checkout.Gateway.Store.GetStepsAsync(checkout.Run))!).Id);
    }

    [Fact]
    public async Task LastFailure_IsTheServices_WithItsBody_AndTheReplayTriesAgain()
    {
        var seen = new ConcurrentQueue<string>();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var charged = await checkout.CallAsync(context, "10 EUR");
            seen.Enqueue($"{(int)charged.StatusCode} {await charged.Content.ReadAsStringAsync()}");
            context.Response.StatusCode = charged.IsSuccessStatusCode ? 200 : 503;
        }, FailingUntil(5), Fast);

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(["503 failure 3", "201 receipt 5"], seen);
        Assert.Single(checkout.Payments.Seen.Select(call => call["Idempotency-Key"]).Distinct());
    }

    [Fact]
    public async Task ConnectionThatIsCutOff_IsAFailure()
    {
        await using var checkout = await Checkout.StartAsync(
            (checkout, context, _) => AnswerAsync(context, () => checkout.CallAsync(context, "10 EUR")),
            async (context, count) =>
            {
                if (count == 1) context.Abort();
                else await Checkout.PayAsync(context, count);
            }, Fast);

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("201 receipt 2", await result.Content.ReadAsStringAsync());
    }

    /// <summary>Nothing of the response has reached the service.</summary>
    [Fact]
    public async Task ResponseThatIsCutOffBeforeTheServiceHasAnyOfIt_IsAFailure()
    {
        await using var checkout = await Checkout.StartAsync(
            (checkout, context, _) => AnswerAsync(context, () => checkout.CallAsync(context, "10 EUR")),
            async (context, count) =>
            {
                if (count > 1)
                {
                    await Checkout.PayAsync(context, count);
                    return;
                }

                context.Response.ContentLength = 5;
                context.Response.Headers["X-Failed"] = "1";
                await context.Response.StartAsync();
                context.Abort();
            }, Fast);

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("201 receipt 2", await result.Content.ReadAsStringAsync());
        Assert.DoesNotContain((await OutcomeAsync(checkout)).Response.Headers, line => line.Name == "X-Failed");
    }

    [Fact]
    public async Task CallThatTakesTooLong_IsMadeAgain()
    {
        await using var checkout = await Checkout.StartAsync(
            (checkout, context, _) => AnswerAsync(context, () => checkout.CallAsync(context, "10 EUR")),
            (context, count) => count == 1 ? context.HangAsync() : Checkout.PayAsync(context, count), Fast,
            "ReverseProxy:Clusters:payments:HttpRequest:ActivityTimeout=00:00:00.300");

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("201 receipt 2", await result.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task RetryAfter_IsHonoured()
    {
        var tries = new ConcurrentQueue<long>();
        await using var checkout = await Checkout.StartAsync(
            (checkout, context, _) => AnswerAsync(context, () => checkout.CallAsync(context, "10 EUR")),
            async (context, count) =>
            {
                tries.Enqueue(Environment.TickCount64);
                context.Response.Headers.RetryAfter = "1";
                context.Response.StatusCode = count == 1 ? 429 : 201;
                await context.Response.CompleteAsync();
            }, Fast);

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("201 ", await result.Content.ReadAsStringAsync());
        Assert.InRange(tries.Last() - tries.First(), 900, long.MaxValue);
    }

    [Fact]
    public async Task RetryAfterThatIsBeyondTheAttempt_IsTheServicesToSee()
    {
        await using var checkout = await Checkout.StartAsync(
            (checkout, context, _) => AnswerAsync(context, () => checkout.CallAsync(context, "10 EUR")),
            (context, _) =>
            {
                context.Response.StatusCode = 503;
                context.Response.Headers.RetryAfter = "60";
                return context.Response.WriteAsync("later");
            }, Fast, "Durable:Policies:default:AttemptTimeout=00:00:30");

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("503 later", await result.Content.ReadAsStringAsync());
        Assert.Single(checkout.Ledger);
    }

    [Theory]
    [InlineData(500, null, 1)]
    [InlineData(503, null, 1)]
    [InlineData(503, "0", 3)]
    [InlineData(429, null, 3)]
    public async Task CallThatIsMadeOnce_IsMadeAgain_OnlyIfItHasCertainlyFailed(int status, string? retryAfter, int tries)
    {
        await using var checkout = await Checkout.StartAsync(
            (checkout, context, _) => AnswerAsync(context, () => checkout.CallAsync(context, "10 EUR")),
            (context, _) =>
            {
                context.Response.StatusCode = status;
                context.Response.Headers.RetryAfter = retryAfter;
                return Task.CompletedTask;
            }, Fast, "Durable.Step.Once=true");

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal($"{status} ", await result.Content.ReadAsStringAsync());
        Assert.Equal(tries, checkout.Ledger.Length);
    }

    [Fact]
    public async Task EachTry_GoesToAnotherDestination()
    {
        await using var other = await TestService.StartAsync(FailingUntil(int.MaxValue));
        await using var checkout = await Checkout.StartAsync(
            (checkout, context, _) => AnswerAsync(context, () => checkout.CallAsync(context, "10 EUR")),
            FailingUntil(2), "Durable.Step.Retry=max-attempts=4, delay=0.01",
            "ReverseProxy:Clusters:payments:LoadBalancingPolicy=FirstAlphabetical",
            $"ReverseProxy:Clusters:payments:Destinations:another:Address={other.Url}",
            $"ReverseProxy:Clusters:payments:Destinations:away:Address=http://127.0.0.1:{FreePort.Next()}");

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        // The one that is away is between the two, and the first one's turn comes again after all have failed.
        Assert.Equal("503 failure 2", await result.Content.ReadAsStringAsync());
        Assert.Equal((2, 1), (other.Seen.Count, checkout.Ledger.Length));
    }

    [Fact]
    public async Task CallerThatLeaves_EndsTheTries_AndItsRepetitionIsMadeAtOnce()
    {
        using var planned = new Planned();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var impatience = new CancellationTokenSource();
            var call = checkout.CallAsync(context, "10 EUR", path: Planned.Path, cancellation: impatience.Token);
            await planned.Task;
            await impatience.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
            await AnswerAsync(context, () => checkout.CallAsync(context, "10 EUR", path: Planned.Path));
        }, FailingUntil(2), planned.Settings);

        using var result = await checkout.Gateway.Client.GetAsync("/order").WaitAsync(Patience);

        Assert.Equal("201 receipt 2", await result.Content.ReadAsStringAsync());
        Assert.Single(checkout.Payments.Seen.Select(call => call["Idempotency-Key"]).Distinct());
    }

    /// <summary>The next attempt makes the call, and does not wait for tries whose outcome no one needs.</summary>
    [Fact]
    public async Task AttemptThatEnds_EndsTheTries()
    {
        Task<HttpResponseMessage>? left = null;
        using var planned = new Planned();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            if (count > 1)
            {
                await AnswerAsync(context, () => checkout.CallAsync(context, "10 EUR", path: Planned.Path));
                return;
            }

            left = checkout.CallAsync(context, "10 EUR", path: Planned.Path);
            await planned.Task;
            context.Response.StatusCode = 503;
        }, FailingUntil(2), planned.Settings);

        using var result = await checkout.Gateway.Follower.GetAsync("/order").WaitAsync(Patience);

        Assert.Equal("201 receipt 2", await result.Content.ReadAsStringAsync());
        using var last = await left!;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, last.StatusCode);
    }

    /// <summary>Another attempt may have begun during the delay.</summary>
    [Fact]
    public async Task AttemptThatIsLostDuringTheDelay_MakesNoOtherTry()
    {
        var status = new TaskCompletionSource<HttpStatusCode>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var planned = new Planned();
        await using var checkout = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            using var charged = await checkout.CallAsync(context, "10 EUR", path: Planned.Path);
            status.TrySetResult(charged.StatusCode);
        }, FailingUntil(2), planned.Settings);
        using var end = new CancellationTokenSource();
        var result = checkout.Gateway.Client.GetAsync("/order", end.Token);

        await planned.Task;
        checkout.Attempt.Lose();

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await status.Task.WaitAsync(Patience));
        Assert.Single(checkout.Ledger);
        await end.CancelAsync();
        await Task.WhenAny(result);
    }

    /// <summary>The problem has nothing of the failed try.</summary>
    [Fact]
    public async Task StoreThatIsAwayBeforeTheNextTry_IsAProblemOfItsOwn()
    {
        var answer = new TaskCompletionSource<(HttpResponseMessage Head, string Body)>(TaskCreationOptions.RunContinuationsAsynchronously);
        Checkout? started = null;
        var isAway = false;
        await using var checkout = started = await Checkout.StartAsync(async (checkout, context, _) =>
        {
            var charged = await checkout.CallAsync(context, "10 EUR");
            answer.TrySetResult((charged, await charged.Content.ReadAsStringAsync()));
        }, async (context, _) =>
        {
            // The attempt must ask the store whether it still owns the run.
            isAway = true;
            started!.Attempt.Renew(leaseEnd: 0);
            context.Response.StatusCode = 503;
            context.Response.Headers.ContentEncoding = "gzip";
            context.Response.Headers.SetCookie = "a=b";
            await context.Response.WriteAsync("failure");
        }, ObservedStore.Of((name, _, call) => isAway && name.StartsWith("Renew", StringComparison.Ordinal)
            ? throw new StoreUnavailableException("away")
            : call()), Fast);
        using var end = new CancellationTokenSource();
        var result = checkout.Gateway.Client.GetAsync("/order", end.Token);

        var (head, body) = await answer.Task.WaitAsync(Patience);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, head.StatusCode);
        Assert.Contains("/_durable/problems/store-unavailable", body, StringComparison.Ordinal);
        Assert.Empty(head.Content.Headers.ContentEncoding);
        Assert.False(head.Headers.Contains("Set-Cookie"));
        Assert.Single(checkout.Ledger);
        await end.CancelAsync();
        await Task.WhenAny(result);
    }

    [Fact]
    public async Task EachRetry_IsCounted()
    {
        var counted = new ConcurrentQueue<string>();
        using var listener = new MeterListener();
        var route = $"r{Guid.NewGuid():N}";
        Listen(listener, route, reason => counted.Enqueue(reason));
        await using var checkout = await Checkout.StartAsync(
            (checkout, context, _) => AnswerAsync(context, () => checkout.CallAsync(context, "10 EUR", path: "/counted/charges")),
            FailingUntil(3), RouteOf(route, Fast));

        using var result = await checkout.Gateway.Client.GetAsync("/order");

        Assert.Equal("201 receipt 3", await result.Content.ReadAsStringAsync());
        Assert.Equal(["503", "503"], counted);
    }

    /// <summary>A route of this name alone, so that no other test counts for it.</summary>
    private static string[] RouteOf(string route, string retry) =>
    [
        $"ReverseProxy:Routes:{route}:ClusterId=payments", $"ReverseProxy:Routes:{route}:Match:Path=/counted/{{**rest}}",
        $"ReverseProxy:Routes:{route}:Metadata:Durable.Step=Remember", $"ReverseProxy:Routes:{route}:Metadata:{retry}",
    ];

    /// <summary>A route whose second try is planned, and would begin after any test has ended.</summary>
    private sealed class Planned : IDisposable
    {
        public const string Path = "/counted/charges";

        private readonly MeterListener _listener = new();
        private readonly TaskCompletionSource _planned = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly string _route = $"r{Guid.NewGuid():N}";

        public Planned() => Listen(_listener, _route, _ => _planned.TrySetResult());

        public Task Task => _planned.Task.WaitAsync(Patience);

        /// <summary>An attempt has time for the delay, because otherwise the service would get the failure at once.</summary>
        public string[] Settings =>
        [
            .. RouteOf(_route, "Durable.Step.Retry=delay=3000"),
            "Durable:Policies:default:AttemptTimeout=03:00:00",
        ];

        public void Dispose() => _listener.Dispose();
    }

    private static void Listen(MeterListener listener, string route, Action<string> counted)
    {
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Name == TelemetryNames.Metrics.EgressRetries) self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            var labels = tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value);
            if (labels[TelemetryNames.Attributes.Route] as string == route)
                counted((string)labels[TelemetryNames.Attributes.ErrorType]!);
        });
        listener.Start();
    }

    /// <summary>Fails with a body, until the call of that number.</summary>
    private static Func<HttpContext, int, Task> FailingUntil(int success) => (context, count) =>
    {
        if (count >= success) return Checkout.PayAsync(context, count);
        context.Response.StatusCode = 503;
        return context.Response.WriteAsync($"failure {count}");
    };

    private static async Task AnswerAsync(HttpContext context, Func<Task<HttpResponseMessage>> callAsync)
    {
        using var charged = await callAsync();
        await context.Response.WriteAsync($"{(int)charged.StatusCode} {await charged.Content.ReadAsStringAsync()}");
    }

    private static async Task<Http.RememberedCall> OutcomeAsync(Checkout checkout) => Http.RememberedCall.Parse(
        Assert.Single((await checkout.Gateway.Store.GetStepsAsync(checkout.Run))!).Body)!;
}
