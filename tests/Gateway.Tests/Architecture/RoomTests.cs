using System.Text.RegularExpressions;
using DurableGateway.Hosting;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Architecture;

/// <summary>
/// The rooms of the gateway are a stack: each may use only what lies below it. What a room uses is read out of the compiled assembly; what
/// the compiler leaves no trace of there (constants, <c>nameof</c>, documentation) is read out of the <c>using</c> directives.
/// </summary>
[Trait("Category", "Unit")]
public sealed partial class RoomTests
{
    private const string Root = "DurableGateway";

    /// <summary>From the ground. Rooms on one level do not use each other. <c>gateway/README.md</c> draws the same.</summary>
    private static readonly string[][] Levels =
    [
        ["Protocol"],
        ["Diagnostics"],
        ["Runs"],
        ["Configuration", "Http"],
        ["Telemetry"],
        ["Storage", "Listeners", "Results"],
        ["Proxy", "Notices"],
        ["Replay", "Admin"],
        ["Events", "Dashboard", "Cli", "Egress"],
        ["Steps"],
        ["Hosting"],
        ["Program"],
    ];

    /// <summary>What only some rooms may use of others' libraries. The namespace, and the rooms.</summary>
    private static readonly (string Library, string[] Rooms)[] Libraries =
    [
        ("Microsoft.AspNetCore", ["Configuration", "Http", "Telemetry", "Listeners", "Results", "Proxy", "Notices", "Replay", "Admin",
            "Events", "Dashboard", "Cli", "Egress", "Steps", "Hosting", "Program"]),
        ("StackExchange.Redis", ["Configuration", "Storage", "Cli"]),
        ("Garnet", ["Storage"]),
        ("Yarp", ["Configuration", "Http", "Proxy", "Replay", "Admin", "Egress", "Hosting"]),
        ("OpenTelemetry", ["Telemetry"]),
        ("System.CommandLine", ["Cli"]),
        ("Spectre.Console", ["Cli"]),
    ];

    private static readonly Dictionary<string, int> LevelOf = Levels
        .SelectMany((rooms, level) => rooms.Select(room => (room, level))).ToDictionary(pair => pair.room, pair => pair.level);

    [Fact]
    public void Rooms_UseOnlyWhatLiesBelow()
    {
        var references = TypeReferences.Of(typeof(GatewayApp).Assembly.Location);

        // The test itself must see: a reader that finds nothing would find no fault either.
        Assert.Contains(references, one => one is { Type: "ReplayLoop", Used: "IRunStore" });
        Assert.Contains(references, one => one is { Type: "ProblemWriter", Used: "HttpContext" or "HttpResponse" });
        AssertNone(references.Where(one => IsOurs(one.From) && IsOurs(one.To)).Where(one => Breaks(RoomOf(one.From), RoomOf(one.To)))
            .Select(one => $"{one.From}.{one.Type} uses {one.To}.{one.Used}"));
    }

    [Fact]
    public void Libraries_AreUsedWhereTheyBelong()
    {
        var references = TypeReferences.Of(typeof(GatewayApp).Assembly.Location);
        AssertNone(references.Where(one => IsOurs(one.From))
            .Where(one => Libraries.Any(library => IsIn(one.To, library.Library) && !library.Rooms.Contains(RoomOf(one.From))))
            .Select(one => $"{one.From}.{one.Type} uses {one.To}.{one.Used}"));
    }

    [Fact]
    public void Usings_NameOnlyWhatLiesBelow()
    {
        var files = Directory.GetFiles(Path.Combine(Repository.Root, "gateway"), "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Repository.Root, file)).Where(file => !BuildOutput().IsMatch(file)).ToList();
        Assert.True(files.Count > 200);
        AssertNone(files.SelectMany(file => Using().Matches(Repository.Read(file))
            .Select(match => match.Groups["room"].Value).Where(room => LevelOf.ContainsKey(room) && Breaks(RoomOfFile(file), room))
            .Select(room => $"{file} has a using for {room}")));
    }

    [Fact]
    public void Namespaces_AreFolders()
    {
        var files = Directory.GetFiles(Path.Combine(Repository.Root, "gateway"), "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Repository.Root, file)).Where(file => !BuildOutput().IsMatch(file));
        AssertNone(files.Where(file => Namespace().Match(Repository.Read(file)) is { Success: true } match
            && match.Groups[1].Value
                != string.Join('.', [Root, .. Path.GetDirectoryName(file)!.Split(Path.DirectorySeparatorChar).Skip(1)])));
    }

    [Fact]
    public void Readme_DrawsTheSameStack()
    {
        var readme = Repository.Read("gateway/README.md");
        var drawn = Stack().Match(readme).Groups["rooms"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => RoomName().Matches(line).Select(match => match.Groups[1].Value).ToArray()).ToArray();
        Assert.Equal(Levels.Reverse(), drawn);
    }

    private static void AssertNone(IEnumerable<string> faults)
    {
        var all = faults.Distinct().Order(StringComparer.Ordinal).ToList();
        Assert.True(all.Count == 0, string.Join('\n', all));
    }

    private static bool Breaks(string room, string used) => room != used && LevelOf[room] <= LevelOf[used];

    private static bool IsOurs(string space) => IsIn(space, Root);

    private static bool IsIn(string space, string root) => space == root || space.StartsWith(root + ".", StringComparison.Ordinal);

    /// <summary>Nothing but <c>Program</c> is outside of a room, and what the compiler makes.</summary>
    private static string RoomOf(string space) => space == Root ? "Program" : space.Split('.')[1];

    private static string RoomOfFile(string file) => file.Split(Path.DirectorySeparatorChar) is [_, var room, _, ..] ? room : "Program";

    [GeneratedRegex(@"[/\\](obj|bin)[/\\]")]
    private static partial Regex BuildOutput();

    [GeneratedRegex(@"^using (static )?DurableGateway\.(?<room>\w+)", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"<!-- stack -->\s*\n```\n(?<rooms>[^`]+)```")]
    private static partial Regex Stack();

    [GeneratedRegex(@"\b([A-Z][A-Za-z]+)\b")]
    private static partial Regex RoomName();
}
