using DurableGateway.Configuration;
using DurableGateway.Http;
using Microsoft.AspNetCore.Routing.Matching;

namespace DurableGateway.Listeners;

/// <summary>
/// Takes endpoints of the other listeners out of the match. It does so in the tree that the matcher walks: a policy that looks at the
/// candidates would have every request make a set of them.
/// </summary>
internal sealed class ListenerMatcherPolicy(GatewaySettings settings) : MatcherPolicy, INodeBuilderPolicy
{
    private readonly bool _hasEgress = settings.Egress is not null;

    /// <summary>Before methods are looked at: what another listener serves says nothing of what is allowed on this one.</summary>
    public override int Order => -2000;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => true;

    public IReadOnlyList<PolicyNodeEdge> GetEdges(IReadOnlyList<Endpoint> endpoints) =>
    [
        .. endpoints.GroupBy(Of).Select(listener => new PolicyNodeEdge(listener.Key, [.. listener])),

        // The same endpoints again: those that requests in absolute form may reach.
        .. endpoints.Where(ForwardRoutes.Includes).GroupBy(_ => Listener.Forward)
            .Select(forward => new PolicyNodeEdge(forward.Key, [.. forward])),
    ];

    public PolicyJumpTable BuildJumpTable(int exitDestination, IReadOnlyList<PolicyJumpTableEdge> edges)
    {
        return new ByListener(Destination(Listener.Control), Destination(Listener.Public), Destination(Listener.Egress),
            Destination(Listener.Forward), _hasEgress);

        int Destination(Listener listener)
        {
            foreach (var edge in edges)
            {
                if (edge.State.Equals(listener)) return edge.Destination;
            }

            return exitDestination;
        }
    }

    private static Listener Of(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<ControlListener>() is not null ? Listener.Control
        : ForwardRoutes.IsAny(endpoint) ? Listener.None
        : StepRules.AreOn(endpoint) ? Listener.Egress
        : Listener.Public;

    private enum Listener
    {
        Public,
        Control,
        Egress,

        /// <summary>The egress listener, for requests in absolute form.</summary>
        Forward,

        /// <summary>For endpoints that are reached in absolute form only.</summary>
        None,
    }

    private sealed class ByListener(int control, int open, int egress, int forward, bool hasEgress) : PolicyJumpTable
    {
        public override int GetDestination(HttpContext httpContext) =>
            httpContext.IsControl() ? control
            : !hasEgress || !EgressListener.Has(httpContext) ? open
            : ForwardTarget.Of(httpContext) is null ? egress : forward;
    }
}
