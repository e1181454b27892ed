using System.Text.RegularExpressions;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The key table of <c>gateway/README.md</c> has the fields that the scripts write.</summary>
[Trait("Category", "Unit")]
public sealed partial class DocumentedFieldsTests
{
    [Fact]
    public void EveryFieldOfARunsHash_IsInTheKeyTable()
    {
        var row = Repository.Read("gateway/README.md").Split('\n').Single(line =>
            line.Contains(":run:<id>` | hash", StringComparison.Ordinal));
        var documented = Code().Matches(row).SelectMany(code => code.Groups[1].Value.Split(' ')).ToHashSet();
        var written = Written();
        Assert.Contains("attempt", written);
        Assert.Contains("again:", written);
        Assert.Contains("failed", written);
        Assert.All(written, field => Assert.Contains(documented,
            name => name == field || (field.EndsWith(':') && name.StartsWith(field, StringComparison.Ordinal))));
    }

    /// <summary>
    /// The fields that scripts write to a run: its hash is <c>keys.run</c>, or <c>run</c> in a function that several share.
    /// </summary>
    private static HashSet<string> Written()
    {
        var fields = new HashSet<string>();
        var assembly = typeof(RunIndex).Assembly;
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.EndsWith(".lua", StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            var script = reader.ReadToEnd();
            foreach (Match write in Write().Matches(script))
            {
                var arguments = Arguments(script.AsSpan(write.Index + write.Length));
                for (var i = 0; i < arguments.Count; i += 2)
                {
                    foreach (Match literal in Literal().Matches(arguments[i])) fields.Add(literal.Groups[1].Value);
                    if (write.Groups[1].Value is "HSETNX" or "HINCRBY") break;
                }
            }
        }

        // The value that a condition compares with is not a field: outcome.kind == 'C' and 'completed' or 'failed'.
        fields.Remove("C");
        return fields;
    }

    /// <summary>The arguments of a call from the third one, up to the closing parenthesis of the call.</summary>
    private static List<string> Arguments(ReadOnlySpan<char> text)
    {
        var arguments = new List<string>();
        var (depth, start) = (0, 0);
        for (var i = 0; depth >= 0; i++)
        {
            depth += text[i] switch { '(' or '[' or '{' => 1, ')' or ']' or '}' => -1, _ => 0 };
            if (depth > 0 || (depth == 0 && text[i] != ',')) continue;
            arguments.Add(text[start..i].ToString());
            start = i + 1;
        }

        return arguments;
    }

    [GeneratedRegex(@"(?:'(HSETNX|HSET|HINCRBY)', (?:keys\.)?run|\b(set_fields)\((?:run)), ")]
    private static partial Regex Write();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();

    [GeneratedRegex("'([a-zC]+:?)'")]
    private static partial Regex Literal();
}
