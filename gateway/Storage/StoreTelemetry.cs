using System.Diagnostics;
using DurableGateway.Diagnostics;
using DurableGateway.Runs;
using static DurableGateway.Diagnostics.TelemetryNames;

namespace DurableGateway.Storage;

/// <summary>The spans of store calls, and the count of those that fail.</summary>
internal static class StoreTelemetry
{
    /// <summary>A call of the store, where it is part of something: the sweeps of an idle node are no traces.</summary>
    public static Activity? StartCall(string caller)
    {
        if (!Tracing.IsEnabled || Activity.Current is null) return null;
        var operation = caller.EndsWith("Async", StringComparison.Ordinal) ? caller[..^"Async".Length] : caller;
        var span = Tracing.Source.StartActivity($"{operation} {SpanNames.Store}", ActivityKind.Client);
        return span?.SetTag(Attributes.DbSystem, "redis").SetTag(Attributes.DbOperation, operation);
    }

    public static void Failed(Activity? span, Exception error)
    {
        // What was meant: the client's own exception, where there is one.
        var type = (error is StoreUnavailableException ? error.InnerException ?? error : error).GetType().Name;
        Instruments.StoreErrors.Add(1, new KeyValuePair<string, object?>(Attributes.ErrorType, type));
        span?.SetTag(Attributes.ErrorType, type).SetStatus(ActivityStatusCode.Error);
    }
}
