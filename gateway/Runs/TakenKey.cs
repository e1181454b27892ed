using System.Globalization;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>The run to which an idempotency key already belongs.</summary>
/// <param name="Run">The run.</param>
/// <param name="Fingerprint">The fingerprint of its request.</param>
/// <param name="End">When the store deletes the run.</param>
internal sealed record TakenKey(RunId Run, string Fingerprint, DateTimeOffset End)
{
    /// <exception cref="FormatException">The text is not such a record.</exception>
    public static TakenKey Parse(string text) =>
        text.Split(':') is [var id, var fingerprint, var end] && RunId.TryParse(id, out var run)
        && long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            ? new TakenKey(run, fingerprint, DateTimeOffset.FromUnixTimeSeconds(seconds))
            : throw new FormatException("The record of an idempotency key cannot be read.");
}
