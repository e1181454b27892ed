using System.Diagnostics;
using System.Net.Http.Headers;
using DurableGateway.Listeners;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>
/// Puts into each attempt's request what a service hands on with its own calls, so that they belong to the attempt: members of
/// <c>tracestate</c> and <c>baggage</c>, and a header. Removes from every request what another attempt, or a client, has put there.
/// </summary>
internal sealed class EgressCarriers(EgressAddressProvider addresses, Tokens tokens)
{
    public const string TraceParentName = "traceparent";
    public const string TraceStateName = "tracestate";
    public const string BaggageName = "baggage";

    /// <summary>What .NET before version 10 sends in place of <c>baggage</c>.</summary>
    public const string OldBaggageName = "Correlation-Context";

    private static readonly HttpRequestOptionsKey<Members> Option = new("Durable.Egress");

    public bool IsEnabled => addresses.IsEnabled;

    /// <summary>Puts the members of this attempt in the place of all others.</summary>
    public void Put(HttpRequestMessage request, Attempt attempt)
    {
        string For(string carrier) => tokens.ForEgress(carrier, attempt.Run, attempt.Key.Fence, addresses.Own);
        request.Options.Set(Option, new Members(For(TraceStateName), For(BaggageName)));
        request.Headers.Remove(DurableHeaders.EgressToken);
        request.Headers.TryAddWithoutValidation(DurableHeaders.EgressToken, For(DurableHeaders.EgressToken));
        Apply(request);
    }

    /// <summary>
    /// Removes all members of the gateway, and puts those of the attempt if the request is that of one. The HTTP client sets these headers
    /// anew if the request has a span, so it calls this again.
    /// </summary>
    public static void Apply(HttpRequestMessage request)
    {
        var members = request.Options.TryGetValue(Option, out var option) ? option : null;
        Change(request.Headers, TraceStateName, TraceState.Remove,
            members is null ? null : field => TraceState.Put(field, members.TraceState));
        Change(request.Headers, BaggageName, Baggage.Remove,
            members is null ? null : field => Baggage.Put(field, members.Baggage));
        Change(request.Headers, OldBaggageName, Baggage.Remove, put: null);

        // Services hand tracestate on only with a trace. It is sampled, because a service that follows its parent would otherwise lose
        // the traces that it begins itself. An invalid one is as good as none.
        if (members is not null && !HasTrace(request.Headers))
        {
            request.Headers.Remove(TraceParentName);
            request.Headers.TryAddWithoutValidation(TraceParentName,
                $"00-{ActivityTraceId.CreateRandom().ToHexString()}-{ActivitySpanId.CreateRandom().ToHexString()}-01");
        }
    }

    private static bool HasTrace(HttpRequestHeaders headers)
    {
        const int Length = 55;
        if (!headers.NonValidated.TryGetValues(TraceParentName, out var values) || values.Count != 1) return false;
        var parent = values.ToString();
        if (parent.Length < Length || !ActivityContext.TryParse(parent[..Length], null, out _)) return false;

        // Later versions may add fields.
        return parent.Length == Length || (parent[Length] == '-' && !parent.StartsWith("00", StringComparison.Ordinal));
    }

    private static void Change(HttpRequestHeaders headers, string name, Func<string, string> remove, Func<string, string>? put)
    {
        var field = headers.NonValidated.TryGetValues(name, out var values) ? string.Join(',', values) : null;
        if (field is null && put is null) return;
        var changed = put is null ? remove(field!) : put(field ?? "");
        if (changed == field) return;
        headers.Remove(name);
        if (changed.Length > 0) headers.TryAddWithoutValidation(name, changed);
    }

    private sealed record Members(string TraceState, string Baggage);

    /// <summary>Sets the headers of a span as another propagator does, and then those of the attempt.</summary>
    public sealed class Propagator(DistributedContextPropagator inner) : DistributedContextPropagator
    {
        public override IReadOnlyCollection<string> Fields => inner.Fields;

        public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter)
        {
            inner.Inject(activity, carrier, setter);
            if (carrier is HttpRequestMessage request) Apply(request);
        }

        public override void ExtractTraceIdAndState(
            object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState) =>
            inner.ExtractTraceIdAndState(carrier, getter, out traceId, out traceState);

        public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter) =>
            inner.ExtractBaggage(carrier, getter);
    }
}
