using System.Text;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// The binding of a result URL to a header of the original request (<c>BindResultTo</c>). A request for the result must have the same
/// header value. The run stores a MAC of the value (<c>&lt;header&gt;:&lt;MAC&gt;</c>), which reveals nothing about it without the keys.
/// </summary>
internal static class ResultBinding
{
    private const string Purpose = "result binding";

    /// <summary>Creates the binding of a run; empty if its request does not have the header.</summary>
    public static string Of(KeyRing keys, NewRun run)
    {
        if (FlowKey.HeaderOf(run.Policy.BindResultTo) is not { } header) return "";
        var value = string.Join(',',
            run.Request.Headers.Where(line => line.Name.Equals(header, StringComparison.OrdinalIgnoreCase)).Select(line => line.Value));
        return value.Length == 0 ? "" : $"{header}:{Convert.ToHexStringLower(keys.Mac(Purpose, Message(run.Id, header, value)))}";
    }

    /// <summary>The header of the binding; empty if the result is not bound.</summary>
    public static string HeaderOf(string binding) => binding[..Math.Max(binding.LastIndexOf(':'), 0)];

    /// <summary>Whether a request with this header value may get the result. Compares in constant time.</summary>
    public static bool Allows(KeyRing keys, RunId run, string binding, string value) => binding.Length == 0
        || keys.Verify(Purpose, Message(run, HeaderOf(binding), value),
            Convert.FromHexString(binding.AsSpan(binding.LastIndexOf(':') + 1)));

    private static byte[] Message(RunId run, string header, string value) =>
        Encoding.UTF8.GetBytes($"{run}\n{header.ToUpperInvariant()}\n{value}");
}
