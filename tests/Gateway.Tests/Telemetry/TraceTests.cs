using System.Net;
using DurableGateway.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Telemetry;

/// <summary>A run is one trace, the client's, from its first attempt to its end.</summary>
public sealed class TraceTests(ToldRun told) : IClassFixture<ToldRun>
{
    private const string Attempt = TelemetryNames.SpanNames.Attempt + " upstream";
    private const string Run = TelemetryNames.SpanNames.Run + " upstream";

    /// <summary>Nanoseconds by which clocks may differ, and a busy machine may be late.</summary>
    private const double Near = 500e6;

    [Fact]
    public async Task Run_ItsAttemptsAndSteps_AreInTheTraceOfTheClient()
    {
        var trace = await TraceAsync();

        var request = Assert.Single(trace, span => span.ParentId == ToldRun.ClientSpan);
        var attempts = trace.Where(span => span.Name == Attempt).OrderBy(span => span.Start).ToList();
        var run = Assert.Single(trace, span => span.Name == Run);
        var step = Assert.Single(trace, span => span.Name == TelemetryNames.SpanNames.Step + " charge");

        Assert.Equal(2, attempts.Count);
        Assert.All([.. attempts, run], span => Assert.Equal(request.SpanId, span.ParentId));
        Assert.Equal(attempts[0].SpanId, step.ParentId);
        Assert.All([.. attempts, run, step, request], span => Assert.Equal(told.RunId, span[TelemetryNames.Attributes.RunId]));
    }

    [Fact]
    public async Task Attempts_SayHowTheyEnded()
    {
        var attempts = (await TraceAsync()).Where(span => span.Name == Attempt).OrderBy(span => span.Start).ToList();

        Assert.Equal(["1", "2"], attempts.Select(span => span[TelemetryNames.Attributes.AttemptNumber]));
        Assert.Equal(["live", "replay"], attempts.Select(span => span[TelemetryNames.Attributes.AttemptKind]));
        Assert.Equal(["failed", "completed"], attempts.Select(span => span[TelemetryNames.Attributes.Outcome]));
        Assert.Equal(["503", null], attempts.Select(span => span[TelemetryNames.Attributes.ErrorType]));
        Assert.Equal([true, false], attempts.Select(span => span.Failed));
        Assert.True(attempts[0].End <= attempts[1].Start);
        Assert.Equal("the bank is closed", Assert.Single(attempts[0].Exceptions)["exception.message"]);
        Assert.Empty(attempts[1].Exceptions);
    }

    /// <summary>A page that is open all day would fill a store of traces with calls of the store.</summary>
    [Fact]
    public async Task DashboardAdminApiAndProbes_HaveNoSpans()
    {
        const string Trace = "7bf3c1f22a5a4d7c9a0d4a1f5b1c2d3e", Other = "8bf3c1f22a5a4d7c9a0d4a1f5b1c2d3e";
        foreach (var path in new[] { "/", "/runs", "/_durable/v1/admin/runs", "/_durable/v1/admin/overview", "/healthz", "/metrics" })
        {
            using var request = ToldRun.Request(new Uri(told.Gateway.Control, path).ToString(), Trace);
            using var answer = await told.Gateway.Client.SendAsync(request);
            Assert.True(answer.IsSuccessStatusCode, $"{path}: {answer.StatusCode}");
        }

        // Spans arrive in the order in which they end.
        using (await told.Gateway.Client.SendAsync(ToldRun.Request("/later", Other))) { }
        await told.Receiver.TraceAsync(Other, spans => spans.Count > 0);
        Assert.DoesNotContain(told.Receiver.Spans, span => span.TraceId == Trace);
    }

    [Fact]
    public async Task RunSpan_ReachesFromTheFirstAttemptToTheEnd()
    {
        var trace = await TraceAsync();
        var run = trace.Single(span => span.Name == Run);
        var attempts = trace.Where(span => span.Name == Attempt).ToList();

        Assert.Equal("completed", run[TelemetryNames.Attributes.Outcome]);
        Assert.Equal("200", run[TelemetryNames.Attributes.ResponseStatus]);

        // The store's clock and this machine's agree to a few milliseconds.
        Assert.InRange((double)run.Start - attempts.Min(span => span.Start), -Near, Near);
        Assert.InRange((double)run.End - attempts.Max(span => span.End), -Near, Near);
    }

    [Fact]
    public async Task StepSpan_IsAsLongAsTheCheckpointSays()
    {
        var step = (await TraceAsync()).Single(span => span.Name.EndsWith(" charge", StringComparison.Ordinal));

        Assert.Equal(TimeSpan.FromMilliseconds(250), step.Duration);
        Assert.Equal("charge", step[TelemetryNames.Attributes.StepId]);
        Assert.Equal("run", step[TelemetryNames.Attributes.StepType]);
        Assert.Equal("completed", step[TelemetryNames.Attributes.Outcome]);
    }

    [Fact]
    public async Task SpansOfForwarderClientAndStore_AreBeneathTheAttempts()
    {
        var trace = await TraceAsync();
        foreach (var attempt in trace.Where(span => span.Name == Attempt))
        {
            var beneath = Beneath(trace, attempt).ToList();
            Assert.Contains(beneath, span => span.Scope == "Yarp.ReverseProxy");
            Assert.Contains(beneath, span => span.Scope == "System.Net.Http");
            Assert.Contains(beneath,
                span => span.Name.EndsWith(" redis", StringComparison.Ordinal) && span[TelemetryNames.Attributes.DbSystem] == "redis");
        }
    }

    [Fact]
    public async Task NoSecret_IsTold()
    {
        await TraceAsync();

        Assert.NotEmpty(told.Secrets);
        Assert.All(told.Secrets, secret => Assert.False(told.Receiver.WasTold(secret)));
    }

    [Fact]
    public async Task LogLines_BearTheRunAndTheTrace()
    {
        await Eventually.TrueAsync(() => told.Receiver.Logs.Any(IsEnd), "the end of the run is logged");
        var end = told.Receiver.Logs.First(IsEnd);
        Assert.Equal(told.RunId, end.Attributes[TelemetryNames.Attributes.RunId]);
        Assert.Equal(ToldRun.TraceId, end.TraceId);

        static bool IsEnd(OtlpLog log) => log.Body.Contains(" ended as completed", StringComparison.Ordinal);
    }

    [Fact]
    public async Task SweepsOfAnIdleNode_AreNoTraces()
    {
        await TraceAsync();

        Assert.DoesNotContain(told.Receiver.Spans,
            span => span.Name.EndsWith(" redis", StringComparison.Ordinal) && span.ParentId.Length == 0);
    }

    [Fact]
    public async Task CallbackUrl_IsNotTold()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        string? url = null;
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            if (count > 1) return;
            var seen = SeenRequest.Of(context, []);
            using var call = HeldAttempt.Call(HttpMethod.Put, $"{seen["Durable-Callback"]}/steps/paid", seen["Durable-Token"]);
            call.Headers.Add("Durable-Step-Type", "callback");
            url = (await HeldAttempt.SendAsync(call))["Durable-Callback-Url"];
            (context.Response.StatusCode, context.Response.Headers["Durable-Suspended"]) = (202, "?1");
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url, receiver.Settings);
        using var request = ToldRun.Request("/told");
        using var redirect = await gateway.Client.SendAsync(request);
        foreach (var form in new[] { url!, url + "/", url!.Replace("/_durable", "/%5FDURABLE", StringComparison.Ordinal) })
        {
            using var paid = new HttpRequestMessage(HttpMethod.Post, form) { Content = new StringContent("1") };
            paid.Headers.Add("traceparent", $"00-{ToldRun.TraceId}-{ToldRun.ClientSpan}-01");
            using var answer = await gateway.Client.SendAsync(paid);
        }

        await receiver.TraceAsync(ToldRun.TraceId,
            spans => spans.Count(span => span.Name.StartsWith("POST ", StringComparison.Ordinal)) == 3);
        Assert.False(receiver.WasTold(url.Split('/')[^1]));
    }

    [Fact]
    public async Task TraceThatTheClientDoesNotSample_IsNotTold_AndStillPassedOn()
    {
        const string Quiet = "4df7651916cd43dd8448eb211c80319a";
        const string Loud = "5df7651916cd43dd8448eb211c80319a";
        foreach (var (trace, sampled) in new[] { (Quiet, false), (Loud, true) })
        {
            using var request = ToldRun.Request("/" + trace, trace, sampled);
            using var redirect = await told.Gateway.Client.SendAsync(request);
            Assert.Equal("done", await told.Gateway.Follower.GetStringAsync(redirect.Headers.Location));
        }

        await told.Receiver.TraceAsync(Loud, spans => spans.Any(span => span.Name == Run));
        Assert.DoesNotContain(told.Receiver.Spans, span => span.TraceId == Quiet);
        Assert.Equal([Quiet, Quiet], told.SeenAt("/" + Quiet).Select(seen => seen["traceparent"]!.Split('-')[1]));
    }

    [Fact]
    public async Task Replay_OfAProcessThatWasStartedLater_GoesOnWithTheTrace()
    {
        const string Trace = "1bf7651916cd43dd8448eb211c80319d";
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var service = await TestService.StartAsync((context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 200;
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url,
            [.. receiver.Settings, "Durable:Policies:default:Retry:Delay=00:00:03"]);
        using var request = ToldRun.Request("/later", Trace);
        using var redirect = await gateway.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);

        await gateway.KillAsync();
        await gateway.StartAgainAsync();

        var trace = await receiver.TraceAsync(Trace, spans => spans.Any(span => span.Name == Run) && spans.Any(IsReplay));
        var replay = Assert.Single(trace, IsReplay);
        var run = trace.Single(span => span.Name == Run);
        Assert.Equal(replay.ParentId, run.ParentId);
        Assert.True(run.Duration >= TimeSpan.FromSeconds(1), $"The run took {run.Duration}.");
        Assert.Equal(Trace, service.Seen.Last()["traceparent"]!.Split('-')[1]);

        static bool IsReplay(OtlpSpan span) => span.Name == Attempt && span[TelemetryNames.Attributes.AttemptKind] == "replay";
    }

    private Task<List<OtlpSpan>> TraceAsync() => told.Receiver.TraceAsync(ToldRun.TraceId, spans =>
        spans.Any(span => span.Name == Run) && spans.Count(span => span.Name == Attempt) == 2
            && spans.Any(span => span.ParentId == ToldRun.ClientSpan));

    private static IEnumerable<OtlpSpan> Beneath(List<OtlpSpan> trace, OtlpSpan top) =>
        trace.Where(span => span.ParentId == top.SpanId).SelectMany(span => Beneath(trace, span).Prepend(span));
}
