using System.Globalization;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>The step that invoked a run, and the depth of the invocation.</summary>
internal sealed record Invoker(RunId Run, string Step, int Depth)
{
    /// <summary>The maximum depth of invocations. It stops endless recursion.</summary>
    public const int MaxDepth = 16;

    /// <summary>The stored form.</summary>
    public string Format() => string.Create(CultureInfo.InvariantCulture, $"{Depth} {Run} {Step}");

    /// <exception cref="FormatException">The text is not such a record.</exception>
    public static Invoker Parse(string text) =>
        text.Split(' ', 3) is [var depth, var run, var step]
        && int.TryParse(depth, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && RunId.TryParse(run, out var id)
            ? new Invoker(id, step, number)
            : throw new FormatException("The record of an invocation cannot be read.");
}
