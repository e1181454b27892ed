namespace DurableGateway.Protocol;

/// <summary>The id of a step, percent-encoded in the raw request target (§3).</summary>
internal static class StepId
{
    public const int MaxBytes = 256;

    /// <summary>Decodes the segment. Fails if it is empty, too long, a dot segment, or not percent-encoded UTF-8.</summary>
    public static bool TryDecode(ReadOnlySpan<char> segment, out string id) =>
        PercentEncoding.TryDecode(segment, MaxBytes, " /", out id) && id is not ("" or "." or "..");
}
