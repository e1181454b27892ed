using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using DurableGateway.Diagnostics;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

/// <summary>
/// What a result that is fetched asks of the store: each call that waits for another is a round trip that the client waits for.
/// </summary>
public sealed class ResultRoundTripTests
{
    [Theory]
    [InlineData(null, "GetResult,GetSnapshot,GetTarget")]
    [InlineData("https://shop.example", "GetPolicy,GetResult,GetSnapshot,GetTarget")]
    public async Task Result_OfAnEndedRun_AsksForEachRecordOnce(string? origin, string expected)
    {
        await using var world = await World.StartAsync<OnRedis>();
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(200, "done");
        using (var first = await world.Gateway.Client.GetAsync(url)) Assert.Equal("done", await first.Content.ReadAsStringAsync());

        var trace = ActivityTraceId.CreateRandom();
        var calls = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is TelemetryNames.Source or "Microsoft.AspNetCore",
            Sample = (ref options) => options.TraceId == trace ? ActivitySamplingResult.AllData : ActivitySamplingResult.None,
            ActivityStopped = activity =>
            {
                if (activity.TraceId == trace
                    && activity.OperationName.EndsWith(" " + TelemetryNames.SpanNames.Store, StringComparison.Ordinal))
                    calls.Enqueue(activity.OperationName.Split(' ')[0]);
            },
        };
        ActivitySource.AddActivityListener(listener);
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.Add("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01");
        if (origin is not null) request.Headers.Add("Origin", origin);
        using var result = await world.Gateway.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal(expected, string.Join(',', calls.Order(StringComparer.Ordinal)));
    }
}
