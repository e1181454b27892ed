using System.Globalization;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>The step that invoked a run, and how many runs there are above it.</summary>
internal sealed record Invoker(RunId Run, string Step, int Depth)
{
    /// <summary>The deepest that runs may invoke one another: one that invokes itself without end comes to an end here.</summary>
    public const int MaxDepth = 16;

    /// <summary>As it stands in the store.</summary>
    public string Format() => string.Create(CultureInfo.InvariantCulture, $"{Depth} {Run} {Step}");

    /// <exception cref="FormatException">It is no such record.</exception>
    public static Invoker Parse(string text) =>
        text.Split(' ', 3) is [var depth, var run, var step]
        && int.TryParse(depth, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && RunId.TryParse(run, out var id)
            ? new Invoker(id, step, number)
            : throw new FormatException("The record of an invocation cannot be read.");
}
