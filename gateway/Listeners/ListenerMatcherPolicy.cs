using DurableGateway.Http;
using Microsoft.AspNetCore.Routing.Matching;

namespace DurableGateway.Listeners;

/// <summary>Takes endpoints of the other listener out of the match.</summary>
internal sealed class ListenerMatcherPolicy : MatcherPolicy, IEndpointSelectorPolicy
{
    public override int Order => -1000;

    public bool AppliesToEndpoints(IReadOnlyList<Endpoint> endpoints) => true;

    public Task ApplyAsync(HttpContext httpContext, CandidateSet candidates)
    {
        var control = httpContext.IsControl();
        for (var i = 0; i < candidates.Count; i++)
        {
            if (candidates.IsValidCandidate(i) && candidates[i].Endpoint.Metadata.GetMetadata<ControlListener>() is not null != control)
                candidates.SetValidity(i, false);
        }

        return Task.CompletedTask;
    }
}
