using DurableGateway.Http;
using Microsoft.AspNetCore.Routing.Matching;

namespace DurableGateway.Listeners;

/// <summary>
/// Takes endpoints of the other listener out of the match. It does so in the tree that the matcher walks: a policy that looks at the
/// candidates would have every request make a set of them.
/// </summary>
internal sealed class ListenerMatcherPolicy : MatcherPolicy, INodeBuilderPolicy
{
    /// <summary>Before methods are looked at: what the other listener serves says nothing of what is allowed on this one.</summary>
    public override int Order => -2000;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => true;

    public IReadOnlyList<PolicyNodeEdge> GetEdges(IReadOnlyList<Endpoint> endpoints) =>
        [.. endpoints.GroupBy(IsOfControl).Select(listener => new PolicyNodeEdge(listener.Key, [.. listener]))];

    public PolicyJumpTable BuildJumpTable(int exitDestination, IReadOnlyList<PolicyJumpTableEdge> edges)
    {
        return new ByListener(Destination(control: true), Destination(control: false));

        int Destination(bool control)
        {
            foreach (var edge in edges)
            {
                if (edge.State.Equals(control)) return edge.Destination;
            }

            return exitDestination;
        }
    }

    private static bool IsOfControl(Endpoint endpoint) => endpoint.Metadata.GetMetadata<ControlListener>() is not null;

    private sealed class ByListener(int control, int open) : PolicyJumpTable
    {
        public override int GetDestination(HttpContext httpContext) => httpContext.IsControl() ? control : open;
    }
}
