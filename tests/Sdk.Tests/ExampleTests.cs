using System.Net;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>The examples of the README as one handler, from its first attempt to its result.</summary>
public sealed class ExampleTests
{
    [Fact]
    public async Task Examples_RunFromAttemptToAttempt()
    {
        var run = new FakeRun();
        using var http = new HttpClient(new Rates());
        var urls = new List<Uri>();

        (await run.AttemptAsync(Checkout)).AssertSuspended();
        run.Complete("paid", "wait", """{"orderId":"o-1","amount":9}""");
        (await run.AttemptAsync(Checkout)).AssertSuspended();
        run.Complete("approve", "callback", """{"yes":true}""");
        (await run.AttemptAsync(Checkout)).AssertSuspended();
        run.Complete("bill", "invoke", """{"number":"I-7"}""");
        var last = await run.AttemptAsync(Checkout);

        Assert.True(last.IsCompleted);
        Assert.Null(last.Header("Durable-Mismatch"));
        Assert.Single(urls);
        Assert.Equal(["rate", "label", "charge", "paid", "approve handed out", "approve", "bill", "tell"], run.Stored);

        async Task Checkout(IStep step)
        {
            using var response = await step.FetchAsync("rate", http,
                () => new HttpRequestMessage(HttpMethod.Get, "https://rates.example/eur"));
            Assert.Equal(1.08m, await response.Content.ReadFromJsonAsync<decimal>());
            await step.RunAsync("label", _ => Task.FromResult("L"), new StepOptions
            {
                MaxAttempts = 3,
                RetryDelay = TimeSpan.FromSeconds(1.5),
                MaxRetryDelay = TimeSpan.FromMinutes(1),
                Backoff = StepBackoff.Exponential,
                Timeout = TimeSpan.FromSeconds(20),
            });
            await step.RunAsync("charge", _ => Task.FromResult(9), new StepOptions { AtMostOnce = true });
            step.OnRollback("refund", _ => Task.CompletedTask);
            var payment = await step.WaitForEventAsync<Payment>("paid", "order.paid", key: "o-1", timeout: TimeSpan.FromDays(3));
            var decision = await step.CallbackAsync<Decision>(
                "approve",
                (url, _) =>
                {
                    urls.Add(url);
                    return Task.CompletedTask;
                },
                timeout: TimeSpan.FromDays(7));
            var invoice = await step.InvokeAsync<Invoice>("bill", "/customers/7/invoices", new { Id = "o-1", Total = payment!.Amount });
            Assert.Equal((9, true, "I-7"), (payment.Amount, decision!.Yes, invoice!.Number));
            Assert.Equal(2, await step.SendEventAsync("tell", "order.paid", key: payment.OrderId, data: payment));
        }
    }

    private sealed record Payment(string OrderId, int Amount);

    private sealed record Decision(bool Yes);

    private sealed record Invoice(string Number);

    private sealed class Rates : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = JsonContent.Create(1.08m) });
    }
}
