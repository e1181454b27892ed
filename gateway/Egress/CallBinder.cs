using DurableGateway.Protocol;
using DurableGateway.Proxy;
using Microsoft.Extensions.Primitives;

namespace DurableGateway.Egress;

/// <summary>Finds the attempt that a call belongs to: by the first carrier that is there and valid.</summary>
internal sealed class CallBinder(Tokens tokens)
{
    /// <summary>Whether a carrier is there that cannot be verified yet.</summary>
    public bool IsUncertain(IHeaderDictionary headers) => !tokens.CanVerify && Candidates(headers).Any();

    public CallBinding? Find(IHeaderDictionary headers)
    {
        foreach (var (carrier, token) in Candidates(headers))
        {
            if (tokens.VerifyEgress(carrier, token) is { } found) return new CallBinding(found.Run, found.Attempt, found.Node);
        }

        return null;
    }

    private static IEnumerable<(string Carrier, string Token)> Candidates(IHeaderDictionary headers)
    {
        if (TraceState.Find(Field(headers[EgressCarriers.TraceStateName])) is { } state)
            yield return (EgressCarriers.TraceStateName, state);
        if (Baggage.Find(Field(headers[EgressCarriers.BaggageName])) is { } baggage)
            yield return (EgressCarriers.BaggageName, baggage);
        if (Baggage.Find(Field(headers[EgressCarriers.OldBaggageName])) is { } old) yield return (EgressCarriers.BaggageName, old);
        if (headers[DurableHeaders.EgressToken] is [{ Length: > 0 } token]) yield return (DurableHeaders.EgressToken, token);
    }

    private static string Field(StringValues lines) => lines.Count == 1 ? lines[0] ?? "" : string.Join(',', lines.ToArray());
}
