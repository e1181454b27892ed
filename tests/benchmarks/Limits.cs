using System.Globalization;
using System.Text.Json;

namespace DurableGateway.Benchmarks;

/// <summary>What counts may come to: <c>limits.json</c>, by the name of the figure.</summary>
internal static class Limits
{
    /// <returns>One line for each figure that exceeds its limit, or that is no longer measured.</returns>
    public static IEnumerable<string> Check(IReadOnlyList<Figure> figures)
    {
        var limits = JsonSerializer.Deserialize<Dictionary<string, double>>(
            File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "limits.json")))!;
        foreach (var (name, limit) in limits)
        {
            var figure = figures.FirstOrDefault(figure => figure.Name == name && !figure.Contender.Contains('@', StringComparison.Ordinal));
            if (figure is null)
            {
                // Debug code allocates more: those figures are only taken of a Release build.
                if (!IsOptional(name)) yield return $"{name}: was not measured, limit {limit.ToString(CultureInfo.InvariantCulture)}";
            }
            else if (figure.Value > limit)
            {
                yield return string.Create(CultureInfo.InvariantCulture,
                    $"{name}: {figure.Value:F1} {figure.Unit} exceeds its limit of {limit} (tests/benchmarks/limits.json)");
            }
        }
    }

    private static bool IsOptional(string name) => !Allocations.CanMeasure && name.StartsWith("allocated", StringComparison.Ordinal);
}
