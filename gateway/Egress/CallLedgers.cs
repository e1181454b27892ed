using System.Runtime.CompilerServices;
using DurableGateway.Runs;

namespace DurableGateway.Egress;

/// <summary>The ledger of each attempt on this node whose service makes calls.</summary>
internal sealed class CallLedgers
{
    private readonly ConditionalWeakTable<Attempt, CallLedger> _ledgers = [];

    public CallLedger Of(Attempt attempt) => _ledgers.GetValue(attempt, static _ => new CallLedger());
}
