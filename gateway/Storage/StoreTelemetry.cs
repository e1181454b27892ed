using System.Diagnostics;
using DurableGateway.Diagnostics;
using DurableGateway.Runs;
using static DurableGateway.Diagnostics.TelemetryNames;

namespace DurableGateway.Storage;

/// <summary>The spans of store calls, and the count of failed calls.</summary>
internal static class StoreTelemetry
{
    /// <summary>Starts a span for a store call that is part of a trace. The sweeps of an idle node create no traces.</summary>
    public static Activity? StartCall(string caller)
    {
        if (!Tracing.IsEnabled || Activity.Current is null) return null;
        var operation = caller.EndsWith("Async", StringComparison.Ordinal) ? caller[..^"Async".Length] : caller;
        var span = Tracing.Source.StartActivity($"{operation} {SpanNames.Store}", ActivityKind.Client);
        return span?.SetTag(Attributes.DbSystem, "redis").SetTag(Attributes.DbOperation, operation);
    }

    public static void Failed(Activity? span, Exception error)
    {
        // Use the exception of the client library, if there is one.
        var type = (error is StoreUnavailableException ? error.InnerException ?? error : error).GetType().Name;
        Instruments.StoreErrors.Add(1, new KeyValuePair<string, object?>(Attributes.ErrorType, type));
        span?.SetTag(Attributes.ErrorType, type).SetStatus(ActivityStatusCode.Error);
    }
}
