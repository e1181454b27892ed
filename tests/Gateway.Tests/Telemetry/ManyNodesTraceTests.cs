using System.Net;
using DurableGateway.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Telemetry;

/// <summary>What is told of a run by nodes that do not drive it, and of a store that goes away.</summary>
public sealed class ManyNodesTraceTests : IAsyncLifetime
{
    private const string Step = TelemetryNames.SpanNames.Step + " ";
    private RedisServer _redis = null!;
    private OtlpReceiver _receiver = null!;

    public async ValueTask InitializeAsync()
    {
        RedisServer.SkipIfMissing();
        _redis = await RedisServer.StartAsync();
        _receiver = await OtlpReceiver.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_redis is null) return;
        await _redis.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task StepsThatAnotherNodeHearsOf_AndSleeps_AreInTheTraceOfTheRun()
    {
        const string Trace = "2cf7651916cd43dd8448eb211c80319e";
        Uri? other = null;
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            var seen = SeenRequest.Of(context, []);
            if (count == 1)
            {
                await Checkpoint.PutAsync(seen, "here", "1");
                await Checkpoint.PutAsync(Through(other!, seen), "there", "1");
            }

            var slept = await Checkpoint.PutAsync(seen, "nap", "", ("Durable-Step-Type", "sleep"), ("Durable-Step-For", "0.2"));
            context.Response.StatusCode = (int)slept;
            if (slept == HttpStatusCode.Accepted) context.Response.Headers["Durable-Suspended"] = "?1";
        });
        await using var first = await StartAsync(service);
        await using var second = await StartAsync(service);
        other = second.Control;
        using var request = ToldRun.Request("/nodes", Trace);
        using var redirect = await first.Client.SendAsync(request);
        using var result = await first.Follower.GetAsync(redirect.Headers.Location);
        Assert.Equal(HttpStatusCode.OK, result.StatusCode);

        var trace = await _receiver.TraceAsync(Trace, spans => spans.Any(span => span.Name == "run upstream")
            && spans.Count(span => span.Name == "attempt upstream") == 2
            && spans.Count(span => span.Name.StartsWith(Step, StringComparison.Ordinal)) == 3);
        var attempt = trace.Single(span => span.Name == "attempt upstream" && span[TelemetryNames.Attributes.AttemptNumber] == "1");
        Assert.Equal("suspended", attempt[TelemetryNames.Attributes.Outcome]);
        Assert.Equal(attempt.SpanId, trace.Single(span => span.Name == Step + "here").ParentId);
        Assert.Equal(attempt.ParentId, trace.Single(span => span.Name == Step + "there").ParentId);
        Assert.Equal("sleep", trace.Single(span => span.Name == Step + "nap")[TelemetryNames.Attributes.StepType]);
        await Eventually.TrueAsync(() => _receiver.Metrics.ContainsKey(TelemetryNames.Metrics.RunsSuspended), "the suspension was counted");
    }

    [Fact]
    public async Task RunThatIsCancelled_IsTold_ByWhoeverCancelledIt()
    {
        const string Trace = "3cf7651916cd43dd8448eb211c80319f";
        await using var service = await TestService.StartAsync((context, _) =>
        {
            (context.Response.StatusCode, context.Response.Headers.RetryAfter) = (503, "3600");
            return Task.CompletedTask;
        });
        await using var first = await StartAsync(service);
        await using var second = await StartAsync(service);
        using var request = ToldRun.Request("/cancelled", Trace);
        using var redirect = await first.Client.SendAsync(request);
        using var cancelled = await second.Client.DeleteAsync(World.RunUrl(redirect.Headers.Location!.OriginalString));
        Assert.Equal(HttpStatusCode.NoContent, cancelled.StatusCode);

        var trace = await _receiver.TraceAsync(Trace,
            spans => spans.Any(span => span.Name == "run upstream") && spans.Any(span => span.Name == "attempt upstream"));
        var run = trace.Single(span => span.Name == "run upstream");
        Assert.Equal("cancelled", run[TelemetryNames.Attributes.Outcome]);
        Assert.Equal(trace.Single(span => span.Name == "attempt upstream").ParentId, run.ParentId);
    }

    [Fact]
    public async Task QueuesAreMeasured_AndAStoreThatGoesAway_IsSeen()
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            (context.Response.StatusCode, context.Response.Headers.RetryAfter) = (503, "3600");
            return Task.CompletedTask;
        });
        await using var gateway = await StartAsync(service);
        using var parked = await gateway.Client.GetAsync("/parked");
        Assert.Equal(HttpStatusCode.SeeOther, parked.StatusCode);
        using var control = new HttpClient { BaseAddress = gateway.Control };
        await Eventually.TrueAsync(async () => await HasAsync("durable_runs_open{} 1") && await HasAsync("durable_runs_overdue{} 0"),
            "the run is seen waiting");

        await _redis.KillAsync();

        await Eventually.TrueAsync(async () => await HasAsync("durable_store_ready{} 0") && await HasAsync("durable_store_errors_total{"),
            "the store is seen to be away");
        Assert.False(await HasAsync("durable_runs_open{"));

        async Task<bool> HasAsync(string start) =>
            (await control.GetStringAsync("/metrics")).Split('\n').Any(line => line.StartsWith(start, StringComparison.Ordinal));
    }

    private Task<GatewayProcess> StartAsync(TestService service) => GatewayProcess.StartAsync(
        service.Url, [.. _receiver.Settings, $"Durable:Store:ConnectionString={_redis.ConnectionString}",
            "Durable:Policies:default:AllowCancel=true"]);

    /// <summary>The same attempt, with the address of another node.</summary>
    private static SeenRequest Through(Uri control, SeenRequest seen) => seen with
    {
        Headers = [.. seen.Headers.Select(line => line.Key == "Durable-Callback"
            ? KeyValuePair.Create(line.Key, new Uri(control, new Uri(line.Value).AbsolutePath).AbsoluteUri)
            : line)],
    };
}
