using System.Diagnostics;
using DurableGateway.Diagnostics;

namespace DurableGateway.Telemetry;

/// <summary>
/// Says on the span of an HTTP request how many times it was sent before (<c>http.request.resend_count</c> of OpenTelemetry's conventions).
/// </summary>
internal static class Resends
{
    private static readonly HttpRequestOptionsKey<int> Option = new("Durable.Resends");

    public static void Set(HttpRequestMessage request, int count) => request.Options.Set(Option, count);

    public static void Enrich(Activity span, HttpRequestMessage request)
    {
        if (request.Options.TryGetValue(Option, out var count)) span.SetTag(TelemetryNames.Attributes.ResendCount, count);
    }
}
