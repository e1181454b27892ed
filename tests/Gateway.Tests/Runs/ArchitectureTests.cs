using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace DurableGateway.Tests.Unit;

/// <summary>What may know of what, checked in the source.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly string Gateway = Path.GetFullPath(Path.Combine(Here(), "..", "..", "..", "gateway"));

    [Fact]
    public void Runs_KnowNothingOfHttpServerOrStoreClient() =>
        AssertNowhere(["Runs"], "Microsoft.AspNetCore", "StackExchange", "Yarp.");

    [Fact]
    public void Protocol_KnowsNothingOfStoreOrProxy() =>
        AssertNowhere(["Protocol"], "StackExchange", "Yarp.", "DurableGateway.Storage", "DurableGateway.Proxy");

    [Fact]
    public void Edges_KnowTheStoreByItsInterfaceOnly() =>
        AssertNowhere(["Proxy", "Steps", "Results", "Replay"], "StackExchange", "RedisRunStore",
            "RecordCodec", "EmbeddedServer", "Script.");

    [Fact]
    public void Edges_AskTheConnectionOnlyWhetherItIsReady()
    {
        foreach (var (file, text) in Sources("Proxy", "Steps", "Results"))
        {
            Assert.False(text.Contains("StoreKeys", StringComparison.Ordinal), $"{file} names the keys of the store.");
            foreach (var name in ConnectionName().Matches(text).Select(match => match.Groups[1].Value))
            {
                foreach (Match use in Regex.Matches(text, $@"\b{name}\.(\w+)"))
                    Assert.True(use.Groups[1].Value == "IsReady", $"{file} uses StoreConnection.{use.Groups[1].Value}.");
            }
        }
    }

    private static void AssertNowhere(string[] directories, params string[] words)
    {
        foreach (var (file, text) in Sources(directories))
        {
            foreach (var word in words) Assert.False(text.Contains(word, StringComparison.Ordinal), $"{file} mentions {word}.");
        }
    }

    private static List<(string File, string Text)> Sources(params string[] directories)
    {
        if (!Directory.Exists(Gateway)) Assert.Skip($"The source is not at {Gateway}.");
        var files = directories.SelectMany(directory => Directory.GetFiles(Path.Combine(Gateway, directory), "*.cs",
            SearchOption.AllDirectories)).ToList();
        Assert.NotEmpty(files);
        return [.. files.Select(file => (Path.GetRelativePath(Gateway, file), File.ReadAllText(file)))];
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    [GeneratedRegex(@"\bStoreConnection (\w+)")]
    private static partial Regex ConnectionName();
}
