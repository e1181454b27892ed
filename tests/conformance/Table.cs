using System.Text;

namespace DurableGateway.Conformance;

/// <summary>The table of languages and scenarios.</summary>
internal static class Table
{
    private const string Begin = "<!-- conformance: made by `dotnet run --project tests/conformance -- --language all --write` -->";
    private const string End = "<!-- /conformance -->";

    /// <param name="scenarios">The rows.</param>
    /// <param name="results">The errors by language and scenario: <see langword="null"/> if there is none, absent if skipped.</param>
    public static string Of(IReadOnlyList<Scenario> scenarios, IReadOnlyDictionary<string, IReadOnlyDictionary<string, string?>> results)
    {
        var text = new StringBuilder();
        text.Append("| scenario | rule | gateway |").AppendJoin('|', results.Keys.Select(language => $" {language} ")).Append("|\n");
        text.Append("|---|---|---|").AppendJoin('|', results.Select(_ => ":-:")).Append("|\n");
        foreach (var scenario in scenarios)
        {
            text.Append($"| {scenario.Name.Replace('-', ' ')} | {scenario.Rule} | {(scenario.Attempts.Count > 0 ? "scripted" : "real")} |");
            text.AppendJoin('|', results.Values.Select(result => Mark(result, scenario.Name))).Append("|\n");
        }

        var passed = results.Values.Select(result => $" **{result.Values.Count(fault => fault is null)}/{result.Count}** ");
        text.Append("| **passed** | | |").AppendJoin('|', passed).Append('|');
        return text.ToString();
    }

    private static string Mark(IReadOnlyDictionary<string, string?> result, string scenario) =>
        !result.TryGetValue(scenario, out var fault) ? " – " : fault is null ? " ✓ " : " ✗ ";

    /// <summary>Replaces the table between its marks.</summary>
    public static void Write(string file, string table)
    {
        var text = File.ReadAllText(file);
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        if (begin < 0 || end < begin) throw new InvalidDataException($"{file} has not the marks of the table, {Begin} and {End}.");
        File.WriteAllText(file, $"{text[..begin]}{Begin}\n\n{table}\n\n{text[end..]}");
    }
}
