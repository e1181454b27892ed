using System.Diagnostics;
using DurableGateway.Diagnostics;
using DurableGateway.Runs;
using DurableGateway.Telemetry;

namespace DurableGateway.Replay;

/// <summary>
/// Creates the activities of replays. A replay has no hosting activity; its own continues the trace of the original request.
/// </summary>
internal static class ReplaySpans
{
    /// <summary>
    /// Starts the span of the attempt. If traces are not collected, starts an activity that passes the client's trace to the service.
    /// </summary>
    public static Activity? Start(ClaimedRun run, StoredRequest request)
    {
        var span = Tracing.IsEnabled
            ? Spans.StartAttempt(run.Route, run.Policy, isReplay: true, Spans.Parse(request.TraceParent, request.TraceState) ?? default)
            : null;
        span?.SetTag(TelemetryNames.Attributes.RunId, run.Id.ToString()).SetTag(TelemetryNames.Attributes.AttemptNumber, run.Attempt);
        if ((span ?? Unseen(request)) is not { } activity) return null;
        foreach (var (key, value) in Baggage(request)) activity.AddBaggage(key, value);
        return activity;
    }

    private static Activity? Unseen(StoredRequest request)
    {
        if (request.TraceParent.Length == 0) return null;
        var activity = new Activity(TelemetryNames.SpanNames.Attempt);
        activity.SetParentId(request.TraceParent);
        if (request.TraceState.Length > 0) activity.TraceStateString = request.TraceState;
        activity.SetIdFormat(ActivityIdFormat.W3C);
        return activity.Start();
    }

    /// <summary>YARP removes the trace headers and writes them from the activity.</summary>
    private static IEnumerable<KeyValuePair<string, string?>> Baggage(StoredRequest request) =>
        DistributedContextPropagator.Current.ExtractBaggage(request,
            static (object? carrier, string name, out string? value, out IEnumerable<string>? values) =>
            {
                values = null;
                value = string.Join(", ", ((StoredRequest)carrier!).Headers
                    .Where(line => line.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(line => line.Value));
                if (value.Length == 0) value = null;
            }) ?? [];
}
