using DurableGateway.Diagnostics;
using DurableGateway.Tests.Support;
using DurableGateway.Tests.Telemetry;

namespace DurableGateway.Tests.Egress;

/// <summary>The calls of a service in the traces of their run.</summary>
public sealed class CallTraceTests
{
    [Fact]
    public async Task EachTryOfACall_IsASpanThatCountsThoseBeforeIt()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var payments = await TestService.StartAsync((context, count) =>
        {
            context.Response.StatusCode = count < 3 ? 503 : 201;
            return Task.CompletedTask;
        });
        var egress = new Uri($"http://127.0.0.1:{FreePort.Next()}");
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(egress, "/payments/charges"));
            request.Headers.TryAddWithoutValidation(Checkout.TraceState, context.Request.Headers[Checkout.TraceState].ToString());
            request.Headers.TryAddWithoutValidation("traceparent", context.Request.Headers["traceparent"].ToString());
            using var charged = await Checkout.Client.SendAsync(request);
            context.Response.StatusCode = (int)charged.StatusCode;
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url, [
            .. Checkout.Settings(payments.Url, "Durable.Step.Retry=max-attempts=3, delay=0.01"), .. receiver.Settings,
            $"Durable:Listeners:Egress={egress.AbsoluteUri.TrimEnd('/')}",
        ]);

        using var order = ToldRun.Request("/order");
        using var result = await gateway.Client.SendAsync(order);

        var port = $"{new Uri(payments.Url).Port}";
        var trace = await receiver.TraceAsync(ToldRun.TraceId, spans => Tries(spans).Count() == 3);
        Assert.Equal([null, "1", "2"],
            Tries(trace).OrderBy(span => span.Start).Select(span => span[TelemetryNames.Attributes.ResendCount]));

        IEnumerable<OtlpSpan> Tries(IEnumerable<OtlpSpan> spans) =>
            spans.Where(span => span.Scope == "System.Net.Http" && span["server.port"] == port);
    }
}
