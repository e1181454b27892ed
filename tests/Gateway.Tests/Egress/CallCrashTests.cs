using System.Collections.Concurrent;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>Calls of a service whose gateway is killed with SIGKILL while they are made.</summary>
public sealed class CallCrashTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task KilledInACall_RepeatsItUnderItsKey_OrNotAtAll(bool once)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answers = new ConcurrentQueue<int>();
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var egress = new Uri($"http://127.0.0.1:{FreePort.Next()}");
        await using var payments = await TestService.StartAsync(async (context, count) =>
        {
            reached.TrySetResult();
            if (count == 1) await context.HangAsync();
            await Checkout.PayAsync(context, count);
        });
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            using var charged = await TryCallAsync(egress, context, "charges", "10 EUR");
            if (count == 1) return;
            answers.Enqueue((int)charged!.StatusCode);
            ended.TrySetResult();
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url,
            Settings(payments.Url, egress, once ? "Durable.Step.Once=true" : "Durable.Step.Once=false"));

        var live = gateway.Client.PostAsync("/order", new StringContent("order"));
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await gateway.KillAsync();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => live);
        await gateway.StartAgainAsync();
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal([once ? 502 : 201], answers);
        Assert.Equal(once ? 1 : 2, payments.Seen.Count);
        Assert.Single(payments.Seen.Select(call => call["Idempotency-Key"]).Distinct());
    }

    /// <summary>
    /// A checkout of three calls, whose gateway is killed again and again. What is called carries out a call once for each key, as payment
    /// providers do.
    /// </summary>
    [Fact]
    public async Task KilledAgainAndAgain_EachEffectHappensOncePerRun()
    {
        const int Runs = 12;
        var effects = new ConcurrentDictionary<string, string>();
        var results = new ConcurrentDictionary<string, int>();
        var egress = new Uri($"http://127.0.0.1:{FreePort.Next()}");
        await using var payments = await TestService.StartAsync(async (context, count) =>
        {
            effects.TryAdd(context.Request.Headers["Idempotency-Key"].ToString(),
                $"{context.Request.Path} {context.Request.Headers["X-Order"]}");
            await Checkout.PayAsync(context, count);
        });
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            var order = context.Request.Path.Value!;
            foreach (var call in new[] { "charges", "labels", "mails" })
            {
                using var made = await TryCallAsync(egress, context, call, order);
                if (made?.IsSuccessStatusCode is true) continue;
                context.Response.StatusCode = 503;
                return;
            }

            results.AddOrUpdate(order, 1, (_, count) => count + 1);
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url, Settings(payments.Url, egress));
        for (var run = 0; run < Runs; run++)
        {
            // The first one goes on for as long as the gateway lives. A client that has lost its connection does not ask again.
            var order = gateway.Client.PostAsync($"/order{run}", new StringContent("order"));
            if (run % 3 != 2)
            {
                using var answer = await order;
                continue;
            }

            var seen = payments.Seen.Count;
            await Eventually.TrueAsync(() => payments.Seen.Count > seen + (run / 3 % 3), "the order has made calls");
            await gateway.KillAsync();
            await Task.WhenAny(order);
            await gateway.StartAgainAsync();
        }

        await Eventually.TrueAsync(() => results.Count == Runs, "every order is complete", seconds: 60);

        Assert.Equal(3 * Runs, effects.Count);
        Assert.Equal(3 * Runs, effects.Values.Distinct().Count());
    }

    private static string[] Settings(string payments, Uri egress, params string[] settings) =>
    [
        .. Checkout.Settings(payments, settings).Where(setting => !setting.StartsWith("Durable:Listeners", StringComparison.Ordinal)),
        $"Durable:Listeners:Egress={egress.AbsoluteUri.TrimEnd('/')}",
    ];

    private static async Task<HttpResponseMessage?> TryCallAsync(Uri egress, HttpContext context, string call, string order)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(egress, "/payments/" + call)) { Content = new StringContent(order) };
        request.Headers.TryAddWithoutValidation("X-Order", order);
        request.Headers.TryAddWithoutValidation(Checkout.Token, context.Request.Headers[Checkout.Token].ToString());
        try
        {
            return await Checkout.Client.SendAsync(request);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
