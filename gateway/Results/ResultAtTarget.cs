namespace DurableGateway.Results;

/// <summary>A feature of a request that fetches a result at the path of the run's request.</summary>
/// <param name="Member">The member that the client sent.</param>
/// <param name="Target">The target of the run's request: this request's target without the member.</param>
internal sealed record ResultAtTarget(ResultMember Member, RequestTarget Target)
{
    /// <summary>Where to redirect a client after the maximum wait.</summary>
    public string Next => (Member with { Hop = Member.Hop + 1 }).AppendTo(Target.SelfReference ?? "");

    public static ResultAtTarget? Of(HttpContext context) => context.Features.Get<ResultAtTarget>();
}
