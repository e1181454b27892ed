using DurableGateway.Diagnostics;
using static DurableGateway.Diagnostics.TelemetryNames;
using Tag = System.Collections.Generic.KeyValuePair<string, object?>;

namespace DurableGateway.Egress;

internal static class CallCounts
{
    public const string Remembered = "remembered";
    public const string Answered = "answered";
    public const string Passed = "passed";
    public const string Failed = "failed";
    public const string Drifted = "drifted";
    public const string Refused = "refused";

    public static void Add(string route, string outcome) =>
        Instruments.EgressCalls.Add(1, new Tag(Attributes.Route, route), new Tag(Attributes.Outcome, outcome));

    /// <param name="route">The id of the route.</param>
    /// <param name="reason">The status of the failed try, or the forwarder's error.</param>
    public static void AddRetry(string route, string reason) =>
        Instruments.EgressRetries.Add(1, new Tag(Attributes.Route, route), new Tag(Attributes.ErrorType, reason));

    public static void AddUnbound(string route) => Instruments.EgressUnbound.Add(1, new Tag(Attributes.Route, route));
}
