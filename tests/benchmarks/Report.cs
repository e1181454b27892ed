using System.Globalization;
using System.Text;
using System.Text.Json;

namespace DurableGateway.Benchmarks;

/// <summary>Collects the figures of a run: a table in Markdown, and JSON for machines.</summary>
internal sealed class Report
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly List<Figure> _figures = [];
    private readonly List<string> _skipped = [];

    public IReadOnlyList<Figure> Figures => _figures;

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    public void Add(IScenario scenario, string name, string contender, double value, string unit = "", string target = "") =>
        _figures.Add(new Figure(scenario.Name, name, contender, value, unit, target));

    /// <summary>What could not be measured, and why.</summary>
    public void Skip(string what, string reason) => _skipped.Add($"{what} is skipped: {reason}");

    /// <summary>The figures of one kind of load, and for each but the baseline its ratios: the median of those of each round.</summary>
    public void AddLoad(IScenario scenario, string load, Dictionary<string, List<Sample>> samples, string? baseline = null,
        IReadOnlyDictionary<string, string>? targets = null)
    {
        foreach (var (name, rounds) in samples)
        {
            Add("requests/s", sample => sample.PerSecond, "/s");
            Add("p50", sample => sample.P50, "ms");
            Add("p99", sample => sample.P99, "ms");
            Add("CPU per request", sample => sample.CpuMicroseconds, "µs");
            if (rounds.Any(sample => sample.AllocatedBytes > 0)) Add("allocated per request", sample => sample.AllocatedBytes, "B");
            if (baseline is null || name == baseline) continue;
            Ratio("requests/s", sample => sample.PerSecond);
            Ratio("p50", sample => sample.P50);
            Ratio("p99", sample => sample.P99);
            Ratio("CPU per request", sample => sample.CpuMicroseconds);

            void Add(string figure, Func<Sample, double> value, string unit) =>
                this.Add(scenario, $"{load}: {figure}", name, Median(rounds.Select(value)), unit);

            void Ratio(string figure, Func<Sample, double> value) => this.Add(scenario, $"{load}: {figure} / {baseline}", name,
                Median(rounds.Zip(samples[baseline], (ours, theirs) => value(ours) / value(theirs))), "×",
                targets?.GetValueOrDefault(figure) ?? "");
        }
    }

    public string ToMarkdown(string? scenario = null)
    {
        var text = new StringBuilder();
        foreach (var group in _figures.Where(figure => scenario is null || figure.Scenario == scenario).GroupBy(figure => figure.Scenario))
        {
            var contenders = group.Select(figure => figure.Contender).Distinct().ToArray();
            Line($"| {group.Key} | {string.Join(" | ", contenders)} | target |");
            Line($"|---|{string.Concat(Enumerable.Repeat("---|", contenders.Length + 1))}");
            foreach (var row in group.GroupBy(figure => figure.Name))
            {
                var cells = contenders.Select(contender =>
                    row.FirstOrDefault(figure => figure.Contender == contender) is { } figure ? Text(figure) : "");
                var target = row.Select(figure => figure.Target).FirstOrDefault(target => target.Length > 0) ?? "";
                Line($"| {row.Key} | {string.Join(" | ", cells)} | {target} |");
            }

            Line("");
        }

        return text.ToString();

        void Line(string line) => text.Append(line).Append('\n');
    }

    public IEnumerable<string> Skipped => _skipped.Distinct();

    public Task WriteAsync(string path) => File.WriteAllTextAsync(path, JsonSerializer.Serialize(new
    {
        Machine = new { Environment.ProcessorCount, Load = Machine.Load() },
        Figures = _figures,
        Skipped,
    }, Json));

    /// <summary>Each figure of one build over that of the other, for every contender that there is of both.</summary>
    public string Compare(string suffix)
    {
        var text = new StringBuilder($"| this tree /{suffix} | | this tree |{suffix} | ratio |\n|---|---|---|---|---|\n");
        foreach (var other in _figures.Where(figure => figure.Contender.EndsWith(suffix, StringComparison.Ordinal)))
        {
            var own = _figures.Find(figure => figure.Scenario == other.Scenario && figure.Name == other.Name
                && figure.Contender + suffix == other.Contender);
            if (own is null) continue;
            text.Append(CultureInfo.InvariantCulture,
                $"| {own.Scenario}: {own.Name} | {own.Contender} | {Text(own)} | {Text(other)} | {own.Value / other.Value:F3} |\n");
        }

        return text.ToString();
    }

    public static string Text(Figure figure) => string.Create(CultureInfo.InvariantCulture, $"{figure.Value.ToString(
        Math.Abs(figure.Value) < 100 ? "0.##" : "N0", CultureInfo.InvariantCulture)} {figure.Unit}").TrimEnd();
}
