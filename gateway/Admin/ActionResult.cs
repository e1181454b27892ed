using DurableGateway.Protocol;

namespace DurableGateway.Admin;

/// <param name="Done">Whether the action was done.</param>
/// <param name="Problem">Why the action was refused, and what to do instead.</param>
/// <param name="NewRun">The new run of <see cref="RunAction.RunAgain"/>.</param>
internal sealed record ActionResult(bool Done, string? Problem = null, RunId? NewRun = null)
{
    /// <summary>There is no such run.</summary>
    public static ActionResult Unknown { get; } = new(false, "There is no such run.");
}
