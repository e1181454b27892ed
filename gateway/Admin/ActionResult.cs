using DurableGateway.Protocol;

namespace DurableGateway.Admin;

/// <param name="Done">Whether it was done.</param>
/// <param name="Problem">What forbids it, and what would be right.</param>
/// <param name="NewRun">Of <see cref="RunAction.RunAgain"/>.</param>
internal sealed record ActionResult(bool Done, string? Problem = null, RunId? NewRun = null)
{
    /// <summary>There is no such run.</summary>
    public static ActionResult Unknown { get; } = new(false, "There is no such run.");
}
