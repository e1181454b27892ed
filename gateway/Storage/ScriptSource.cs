using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace DurableGateway.Storage;

/// <summary>
/// Creates scripts from Lua files. The header of a file declares what the script needs, one directive in each comment line:
/// <code>
/// -- @include runs, history      files of shared functions, which may include others
/// -- @keys run, steps            see <see cref="ScriptKey"/>; in the script: keys.run, keys.steps
/// -- @keys run, runs*            the last one: a list
/// -- @arg step                   in the script: args.step
/// -- @arg attempt, nonce         several, separated by commas; two spaces  and a description may follow
/// -- @arg record?                optional: nil if it is absent or empty
/// -- @arg events*                a list; only the last argument
/// </code>
/// </summary>
internal static partial class ScriptSource
{
    private static readonly Dictionary<string, ScriptKey> ByName = Enum.GetValues<ScriptKey>().ToDictionary(NameOf);

    /// <param name="name">The name of the script.</param>
    /// <param name="read">Reads a file by its name without the extension; <see langword="null"/> if the file does not exist.</param>
    /// <exception cref="InvalidOperationException">A file is missing, files include each other, or a header is invalid.</exception>
    public static Script Load(string name, Func<string, string?> read)
    {
        var source = read(name) ?? throw new InvalidOperationException($"The script '{name}' does not exist.");
        var (keys, keyList) = ParseKeys(name, source);
        var arguments = ParseArguments(name, source);
        var text = new StringBuilder();
        WriteTables(text, keys, keyList, arguments);
        foreach (var file in (string[])[.. Resolve(name, source, read), source]) text.Append(CommentLine().Replace(file, ""));
        return new Script(name, text.ToString(), keys, arguments) { HasMoreKeys = keyList is not null };
    }

    /// <summary>The names of the shared files that a file includes.</summary>
    public static IReadOnlyList<string> Includes(string source) =>
        [.. Directives(source).Where(directive => directive.Name == "include").SelectMany(directive => Names(directive.Value))];

    private static string FileOf(string include) => $"Shared/{include}";

    /// <summary>All files that a script includes, each once and after the files that it includes itself.</summary>
    private static List<string> Resolve(string name, string source, Func<string, string?> read)
    {
        var resolved = new List<string>();
        var done = new HashSet<string>();
        var path = new List<string>();
        Visit(name, source);
        return resolved;

        void Visit(string includer, string text)
        {
            foreach (var include in Includes(text))
            {
                if (path.Contains(include))
                    throw Fault(name, $"includes files that include each other: {string.Join(" → ", [.. path, include])}");
                if (!done.Add(include)) continue;
                var shared = read(FileOf(include)) ?? throw Fault(includer, $"includes '{include}', which does not exist");
                path.Add(include);
                Visit(include, shared);
                path.RemoveAt(path.Count - 1);
                resolved.Add(shared);
            }
        }
    }

    private static (List<ScriptKey> Keys, string? List) ParseKeys(string name, string source)
    {
        var keys = new List<ScriptKey>();
        string? list = null;
        foreach (var key in Directives(source).Where(directive => directive.Name == "keys").SelectMany(directive => Names(directive.Value)))
        {
            if (list is not null) throw Fault(name, $"declares the key '{key}' behind the list '{list}'");
            if (key.EndsWith('*') && Identifier().IsMatch(key[..^1]))
            {
                list = key[..^1];
                continue;
            }

            if (!ByName.TryGetValue(key, out var parsed)) throw Fault(name, $"declares the key '{key}', which does not exist");
            if (keys.Count > 0 && keys[^1] >= parsed)
                throw Fault(name, $"declares the key '{key}' behind '{NameOf(keys[^1])}'; the order is that of {nameof(ScriptKey)}");
            keys.Add(parsed);
        }

        return (keys, list);
    }

    private static List<ScriptArgument> ParseArguments(string name, string source)
    {
        var arguments = new List<ScriptArgument>();
        foreach (var directive in Directives(source).Where(directive => directive.Name == "arg"))
        {
            foreach (var argument in Names(directive.Value.Split("  ", 2)[0]))
            {
                var plain = argument.TrimEnd('?', '*');
                if (!Identifier().IsMatch(plain)) throw Fault(name, $"declares '{argument}', which is not a valid argument name");
                if (arguments.Exists(other => other.Name == plain)) throw Fault(name, $"declares the argument '{plain}' twice");
                if (arguments is [.., { Kind: ScriptArgumentKind.Rest } rest])
                    throw Fault(name, $"declares the argument '{plain}' behind the list '{rest.Name}'");
                arguments.Add(new ScriptArgument(plain, argument[^1] switch
                {
                    '?' => ScriptArgumentKind.Optional,
                    '*' => ScriptArgumentKind.Rest,
                    _ => ScriptArgumentKind.Required,
                }));
            }
        }

        return arguments;
    }

    /// <summary>Gives the script its keys and arguments by name. They are sent by place, which costs the store least.</summary>
    private static void WriteTables(StringBuilder text, List<ScriptKey> keys, string? keyList, List<ScriptArgument> arguments)
    {
        text.Append("local keys = {").AppendJoin(", ", keys.Select((key, i) => $"{NameOf(key)} = KEYS[{i + 1}]")).Append("}\n");
        if (keyList is not null)
            text.Append($"keys.{keyList} = {{}}\nfor i = {keys.Count + 1}, #KEYS do keys.{keyList}[i - {keys.Count}] = KEYS[i] end\n");
        text.Append("local args = {").AppendJoin(", ", arguments.Select((argument, i) => argument.Kind switch
        {
            ScriptArgumentKind.Rest => $"{argument.Name} = {{}}",
            ScriptArgumentKind.Optional => $"{argument.Name} = ARGV[{i + 1}] ~= '' and ARGV[{i + 1}] or nil",
            _ => $"{argument.Name} = ARGV[{i + 1}]",
        })).Append("}\n");
        if (arguments is [.., { Kind: ScriptArgumentKind.Rest } rest])
            text.Append($"for i = {arguments.Count}, #ARGV do args.{rest.Name}[i - {arguments.Count - 1}] = ARGV[i] end\n");
    }

    private static string NameOf(ScriptKey key) => JsonNamingPolicy.SnakeCaseLower.ConvertName(key.ToString());

    private static InvalidOperationException Fault(string file, string what) => new($"The script '{file}' {what}.");

    private static string[] Names(string list) => list.Split(',', StringSplitOptions.TrimEntries);

    private static IEnumerable<(string Name, string Value)> Directives(string source) =>
        Directive().Matches(source).Select(match => (match.Groups[1].Value, match.Groups[2].Value.TrimEnd()));

    [GeneratedRegex("^-- @([a-z]+) (.+)$", RegexOptions.Multiline)]
    private static partial Regex Directive();

    /// <summary>Matches comment lines. They are removed because the client library hashes the text of a script with every call.</summary>
    [GeneratedRegex(@"^\s*--.*\n", RegexOptions.Multiline)]
    private static partial Regex CommentLine();

    [GeneratedRegex("^[a-z_]+$")]
    private static partial Regex Identifier();
}
