using System.Diagnostics;

namespace DurableGateway.Diagnostics;

/// <summary>The source of the gateway's own spans. Each room begins the spans of what it does.</summary>
internal static class Tracing
{
    public static ActivitySource Source { get; } = new(TelemetryNames.Source, Instruments.Version);

    /// <summary>Whether anybody listens. Where nobody does, spans must cost nothing.</summary>
    public static bool IsEnabled => Source.HasListeners();
}
