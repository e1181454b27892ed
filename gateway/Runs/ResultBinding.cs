using System.Text;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// What a result URL wants to see beside its token, where the policy says so (<c>BindResultTo</c>): the value that the original request had
/// in a header. Of that value a MAC is kept with the run (<c>&lt;header&gt;:&lt;MAC&gt;</c>), which tells nothing of it without the keys.
/// </summary>
internal static class ResultBinding
{
    private const string Purpose = "result binding";

    /// <summary>What is kept with a run; empty where its result is bound to nothing, because its request had no such header.</summary>
    public static string Of(KeyRing keys, NewRun run)
    {
        if (FlowKey.HeaderOf(run.Policy.BindResultTo) is not { } header) return "";
        var value = string.Join(',',
            run.Request.Headers.Where(line => line.Name.Equals(header, StringComparison.OrdinalIgnoreCase)).Select(line => line.Value));
        return value.Length == 0 ? "" : $"{header}:{Convert.ToHexStringLower(keys.Mac(Purpose, Message(run.Id, header, value)))}";
    }

    /// <summary>The header that the result is bound to; empty where that is none.</summary>
    public static string HeaderOf(string binding) => binding[..Math.Max(binding.LastIndexOf(':'), 0)];

    /// <summary>Whether who has this value in that header may have the result. Compares in constant time.</summary>
    public static bool Allows(KeyRing keys, RunId run, string binding, string value) => binding.Length == 0
        || keys.Verify(Purpose, Message(run, HeaderOf(binding), value),
            Convert.FromHexString(binding.AsSpan(binding.LastIndexOf(':') + 1)));

    private static byte[] Message(RunId run, string header, string value) =>
        Encoding.UTF8.GetBytes($"{run}\n{header.ToUpperInvariant()}\n{value}");
}
