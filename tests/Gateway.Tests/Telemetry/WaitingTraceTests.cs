using System.Net;
using DurableGateway.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Telemetry;

/// <summary>What is told of runs that wait: for another run, and for their turn.</summary>
public sealed class WaitingTraceTests : IAsyncLifetime
{
    private const string Attempt = TelemetryNames.SpanNames.Attempt + " upstream";
    private const string Run = TelemetryNames.SpanNames.Run + " upstream";
    private OtlpReceiver _receiver = null!;

    public async ValueTask InitializeAsync() => _receiver = await OtlpReceiver.StartAsync();

    public ValueTask DisposeAsync() => _receiver.DisposeAsync();

    [Fact]
    public async Task RunThatAStepInvokes_IsInTheTraceOfItsParent_AndSoIsTheStep()
    {
        const string Trace = "6df7651916cd43dd8448eb211c80319a";
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            if (context.Request.Path == "/parent" && count == 1)
            {
                var seen = SeenRequest.Of(context, []);
                var answer = await Checkpoint.PutAsync(seen, "ask", "{}", ("Durable-Step-Type", "invoke"),
                    ("Durable-Invoke-Path", "/child"));
                (context.Response.StatusCode, context.Response.Headers["Durable-Suspended"]) = ((int)answer, "?1");
            }
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url, _receiver.Settings);
        using var request = ToldRun.Request("/parent", Trace);
        using var redirect = await gateway.Client.SendAsync(request);
        using var result = await gateway.Follower.GetAsync(redirect.Headers.Location);
        Assert.Equal(HttpStatusCode.OK, result.StatusCode);

        var trace = await _receiver.TraceAsync(Trace, spans =>
            spans.Count(span => span.Name == Run) == 2 && spans.Count(span => span.Name == Attempt) == 3
                && spans.Any(span => span.Name == "step ask"));
        var step = trace.Single(span => span.Name == "step ask");
        Assert.Equal("invoke", step[TelemetryNames.Attributes.StepType]);
        Assert.Equal("completed", step[TelemetryNames.Attributes.Outcome]);
        Assert.Equal(2, trace.Where(span => span.Name == Run).Select(span => span[TelemetryNames.Attributes.RunId]).Distinct().Count());
        Assert.All(service.Seen, seen => Assert.Equal(Trace, seen["traceparent"]!.Split('-')[1]));
    }

    [Fact]
    public async Task RunThatWaitsForItsTurn_IsCounted_AndItsFirstAttemptComesLater()
    {
        const string Trace = "7df7651916cd43dd8448eb211c80319a";
        var (arrived, released) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            if (context.Request.Path != "/first") return;
            arrived.TrySetResult();
            await released.Task.WaitAsync(TimeSpan.FromSeconds(60));
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url,
            [.. _receiver.Settings, "Durable:Policies:default:Concurrency:Limit=1"]);
        var first = gateway.Client.GetAsync("/first");
        await arrived.Task.WaitAsync(TimeSpan.FromSeconds(60));
        using var request = ToldRun.Request("/second", Trace);
        using var redirect = await gateway.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        released.SetResult();
        using var result = await gateway.Follower.GetAsync(redirect.Headers.Location);
        Assert.Equal(HttpStatusCode.OK, result.StatusCode);

        var trace = await _receiver.TraceAsync(Trace,
            spans => spans.Any(span => span.Name == Run) && spans.Count(span => span.Name == Attempt) == 2);
        Assert.Equal(["queued", "completed"],
            trace.Where(span => span.Name == Attempt).OrderBy(span => span.Start).Select(span => span[TelemetryNames.Attributes.Outcome]));
        await Eventually.TrueAsync(() => _receiver.Metrics.ContainsKey(TelemetryNames.Metrics.RunsQueued), "the wait was counted");
        using var answer = await first;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }
}
