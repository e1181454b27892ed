using System.Text.RegularExpressions;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>How scripts are composed of files, and whether the files declare what they use.</summary>
[Trait("Category", "Unit")]
public sealed partial class ScriptSourceTests
{
    [Fact]
    public void Include_ComesOnce_BehindWhatItIncludesItself()
    {
        var script = Load(
            ("main", "-- @include a, b\nmain()"),
            ("Shared/a", "-- @include c\na()"),
            ("Shared/b", "-- @include c\nb()"),
            ("Shared/c", "c()"));
        Assert.Equal(["c", "a", "b", "main"], Called().Matches(script.Text).Select(match => match.Groups[1].Value));
    }

    [Fact]
    public void Comments_AreNotSent() =>
        Assert.EndsWith("}\na()\nmain()\n", Load(
            ("main", "-- @include a\n\n  -- Why.\nmain()"), ("Shared/a", "-- What.\na()")).Text, StringComparison.Ordinal);

    [Fact]
    public void UnknownInclude_IsAnError_ThatNamesBothFiles() =>
        AssertRefuses("'a' includes 'b', which does not exist", ("main", "-- @include a"), ("Shared/a", "-- @include b"));

    [Fact]
    public void UnknownScript_IsAnError() => AssertRefuses("'main' does not exist", ("other", ""));

    [Fact]
    public void Cycle_IsAnError_ThatNamesIt() =>
        AssertRefuses("a → b → a", ("main", "-- @include a"), ("Shared/a", "-- @include b"), ("Shared/b", "-- @include a"));

    [Fact]
    public void FileThatIncludesItself_IsAnError() => AssertRefuses("a → a", ("main", "-- @include a"), ("Shared/a", "-- @include a"));

    [Fact]
    public void UnknownKey_IsAnError() => AssertRefuses("declares the key 'runs', which does not exist", ("main", "-- @keys runs"));

    [Fact]
    public void KeyOfTwoWords_IsDeclaredWithAnUnderscore()
    {
        Assert.Equal([ScriptKey.StreamIds], Load(("main", "-- @keys stream_ids")).Keys);
        AssertRefuses("declares the key 'streamids'", ("main", "-- @keys streamids"));
    }

    [Theory]
    [InlineData("steps, run")]
    [InlineData("run, run")]
    public void KeysInAnotherOrder_AreAnError(string keys) => AssertRefuses("the order is that of ScriptKey", ("main", $"-- @keys {keys}"));

    [Fact]
    public void ListOfKeys_IsTheLast()
    {
        var script = Load(("main", "-- @keys run, others*"));
        Assert.Equal([ScriptKey.Run], script.Keys);
        Assert.True(script.HasMoreKeys);
        Assert.Contains("for i = 2, #KEYS do keys.others[i - 1] = KEYS[i] end", script.Text, StringComparison.Ordinal);
        AssertRefuses("declares the key 'due' behind the list 'others'", ("main", "-- @keys run, others*, due"));
    }

    [Fact]
    public void Arguments_AreInTheOrderOfTheirDeclaration()
    {
        var script = Load(
            ("main", "-- @arg run_id\n-- @arg attempt, nonce  the attempt, its number\n-- @arg record?  a record\n-- @arg events*"));
        Assert.Equal(
            [
                new("run_id", ScriptArgumentKind.Required),
                new("attempt", ScriptArgumentKind.Required),
                new("nonce", ScriptArgumentKind.Required),
                new("record", ScriptArgumentKind.Optional),
                new("events", ScriptArgumentKind.Rest),
            ],
            script.Arguments);
        Assert.Equal(2, script.PlaceOf("nonce"));
        Assert.Throws<ArgumentException>(() => script.PlaceOf("owner"));
        Assert.Throws<ArgumentException>(() => script.PlaceOf(ScriptKey.Run));
    }

    [Theory]
    [InlineData("run, run", "declares the argument 'run' twice")]
    [InlineData("run id", "'run id', which is not a valid argument name")]
    [InlineData("events*, run", "declares the argument 'run' behind the list 'events'")]
    public void ArgumentsThatCannotBe_AreAnError(string arguments, string message) =>
        AssertRefuses(message, ("main", $"-- @arg {arguments}"));

    [Theory]
    [MemberData(nameof(Files))]
    public void File_UsesWhatItDeclares_AndDeclaresWhatItUses(string name)
    {
        var source = Scripts.Read(name)!;
        var code = Comment().Replace(source, "");

        var included = ScriptSource.Includes(source);
        var local = Defined().Matches(code).Select(match => match.Groups[1].Value).ToHashSet();
        foreach (var (file, functions) in Functions.Value)
        {
            var used = functions.Where(function => !local.Contains(function) && Regex.IsMatch(code, $@"\b{function}\(")).ToList();
            Assert.True(included.Contains(file) == used.Count > 0,
                $"{name}.lua includes '{file}': {included.Contains(file)}; it uses of that: {string.Join(", ", used)}");
        }

        if (name.StartsWith("Shared/", StringComparison.Ordinal)) return;
        var script = ScriptSource.Load(name, Scripts.Read);

        // Shared functions may be given all arguments.
        var arguments = Argument().Matches(AllCode(name, source)).Select(match => match.Groups[1].Value).Distinct();
        Assert.Equal(script.Arguments.Select(argument => argument.Name).Order(), arguments.Order());
        Assert.DoesNotMatch(@"\bARGV\b|KEYS\[", code);
        if (!KeysAsAWhole().IsMatch(code) && script.Keys is not [ScriptKey.Meta])
        {
            var used = Key().Matches(code).Select(match => match.Groups[1].Value).Distinct();
            Assert.Equal(script.Keys.Count + (script.HasMoreKeys ? 1 : 0), used.Count());
        }


        Assert.Matches("^-- [A-Z]", source);
        Assert.Contains("-- Answer: ", source, StringComparison.Ordinal);
        Assert.Contains("-- Invariant: ", source, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void EveryDirective_IsKnown(string name) =>
        Assert.All(AnyDirective().Matches(Scripts.Read(name)!), match =>
            Assert.Contains(match.Groups[1].Value, (string[])["include", "keys", "arg"]));

    /// <summary>Only one file stores outcomes. Other writes to the steps do not store an outcome, or replace one.</summary>
    [Fact]
    public void OutcomesAreStored_InOneFile()
    {
        var storing = Names()
            .Where(name => Comment().Replace(Scripts.Read(name)!, "").Contains("set_fields(run, 'seq'", StringComparison.Ordinal));
        Assert.Equal("Shared/outcomes", Assert.Single(storing));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void EveryFile_IsInTheTablesOfTheReadme(string name) =>
        Assert.Contains($"`{name.Replace("Shared/", "", StringComparison.Ordinal)}`", Repository.Read("gateway/README.md").Split("\n## ")
            .Single(chapter => chapter.StartsWith("Scripts\n", StringComparison.Ordinal)), StringComparison.Ordinal);

    public static TheoryData<string> Files() => [.. Names()];

    private static string AllCode(string name, string source)
    {
        var files = new HashSet<string>();
        void Visit(string text)
        {
            foreach (var file in ScriptSource.Includes(text).Select(file => $"Shared/{file}").Where(files.Add)) Visit(Scripts.Read(file)!);
        }

        Visit(source);
        return Comment().Replace(string.Concat(files.Append(name).Select(Scripts.Read)), "");
    }

    private static IEnumerable<string> Names() => typeof(Scripts).Assembly.GetManifestResourceNames()
        .Where(name => name.EndsWith(".lua", StringComparison.Ordinal)).Select(name => name[..^".lua".Length].Replace('\\', '/'));

    /// <summary>The public functions of each shared file.</summary>
    private static readonly Lazy<Dictionary<string, List<string>>> Functions = new(() => Names()
        .Where(name => name.StartsWith("Shared/", StringComparison.Ordinal))
        .ToDictionary(
            name => name["Shared/".Length..],
            name => Defined().Matches(Scripts.Read(name)!).Select(match => match.Groups[1].Value).ToList()));

    private static Script Load(params (string Name, string Source)[] files) =>
        ScriptSource.Load("main", name => files.Where(file => file.Name == name).Select(file => file.Source + "\n").FirstOrDefault());

    private static void AssertRefuses(string message, params (string Name, string Source)[] files) =>
        Assert.Contains(message, Assert.Throws<InvalidOperationException>(() => Load(files)).Message, StringComparison.Ordinal);

    [GeneratedRegex(@"^(\w+)\(\)$", RegexOptions.Multiline)]
    private static partial Regex Called();

    [GeneratedRegex(@"local function (\w+)\(")]
    private static partial Regex Defined();

    [GeneratedRegex("--.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\bargs\.(\w+)")]
    private static partial Regex Argument();

    [GeneratedRegex(@"\bkeys\.(\w+)")]
    private static partial Regex Key();

    [GeneratedRegex(@"\(keys,|\bKEYS\b")]
    private static partial Regex KeysAsAWhole();

    [GeneratedRegex("^-- @(.[a-z]*)", RegexOptions.Multiline)]
    private static partial Regex AnyDirective();
}
