using System.Globalization;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>What an idempotency key stands for already.</summary>
/// <param name="Run">The run.</param>
/// <param name="Fingerprint">Of its request.</param>
/// <param name="End">When the last trace of the run is gone.</param>
internal sealed record TakenKey(RunId Run, string Fingerprint, DateTimeOffset End)
{
    /// <exception cref="FormatException">It is no such record.</exception>
    public static TakenKey Parse(string text) =>
        text.Split(':') is [var id, var fingerprint, var end] && RunId.TryParse(id, out var run)
        && long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            ? new TakenKey(run, fingerprint, DateTimeOffset.FromUnixTimeSeconds(seconds))
            : throw new FormatException("The record of an idempotency key cannot be read.");
}
