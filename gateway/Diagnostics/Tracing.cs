using System.Diagnostics;

namespace DurableGateway.Diagnostics;

/// <summary>The source of the gateway's own spans. Each room creates the spans of its work.</summary>
internal static class Tracing
{
    public static ActivitySource Source { get; } = new(TelemetryNames.Source, Instruments.Version);

    /// <summary>Whether there is a listener. Without one, spans must cost nothing.</summary>
    public static bool IsEnabled => Source.HasListeners();
}
