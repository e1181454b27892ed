using System.Diagnostics;
using DurableGateway.Storage;
using static DurableGateway.Telemetry.TelemetryNames;

namespace DurableGateway.Telemetry;

/// <summary>Calls of the store that went wrong.</summary>
internal static class StoreTelemetry
{
    public static void Failed(Activity? span, Exception error)
    {
        // What was meant: the client's own exception, where there is one.
        var type = (error is StoreUnavailableException ? error.InnerException ?? error : error).GetType().Name;
        Instruments.StoreErrors.Add(1, new KeyValuePair<string, object?>(Attributes.ErrorType, type));
        span?.SetTag(Attributes.ErrorType, type).SetStatus(ActivityStatusCode.Error);
    }
}
