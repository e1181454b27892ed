using System.Text.RegularExpressions;

namespace DurableGateway.Protocol;

/// <summary>The id of a step, percent-encoded in the raw request target (§3).</summary>
internal static partial class StepId
{
    public const int MaxBytes = 256;

    /// <summary>Decodes the segment. Fails if it is empty, too long, a dot segment, or not percent-encoded UTF-8.</summary>
    public static bool TryDecode(ReadOnlySpan<char> segment, out string id) =>
        PercentEncoding.TryDecode(segment, MaxBytes, " /", out id) && id is not ("" or "." or "..");

    /// <summary>
    /// Whether the id has the form of a call that a service made: <c>payments POST /charges#2</c>. Clients do not see such steps, because
    /// the target of the call is not for them.
    /// </summary>
    public static bool HasFormOfCall(string id) => CallForm().IsMatch(id);

    [GeneratedRegex("^.+ [A-Z0-9_-]+ /[^ ]*( ~[0-9a-f]{8}(#[0-9]+)?)?$", RegexOptions.Singleline)]
    private static partial Regex CallForm();
}
