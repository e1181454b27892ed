using System.Globalization;
using System.Text;
using System.Text.Json;

namespace DurableGateway.Configuration;

/// <summary>
/// Finds the position of each key in a JSON file. It reads the file as the configuration does: comments and trailing commas are allowed,
/// and keys are not case-sensitive.
/// </summary>
internal sealed class JsonPositions
{
    private readonly Dictionary<string, Position> _keys = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads the file up to the first syntax error.</summary>
    /// <returns>The positions, and the errors that make the file unusable, each with its position.</returns>
    public static (JsonPositions Positions, IReadOnlyList<(Position At, ConfigurationError Error)> Errors) Read(string text)
    {
        var positions = new JsonPositions();
        var errors = new List<(Position, ConfigurationError)>();
        var json = Encoding.UTF8.GetBytes(text);
        var reader = new Utf8JsonReader(json,
            new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        var lines = new Lines(json);
        var walk = new Walk();
        try
        {
            while (reader.Read())
            {
                var at = lines.At(reader.TokenStartIndex);
                if (reader.TokenType == JsonTokenType.PropertyName) walk.Name(reader.GetString()!, at);
                else if (reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray) walk.Leave();
                else
                {
                    var isLeaf = reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray);
                    var (key, place) = walk.Value(at);
                    if (!positions._keys.TryAdd(key, place) && isLeaf)
                        errors.Add((place, new ConfigurationError(key, null,
                            $"is set twice, first in line {positions._keys[key].Line}; remove one")));
                    if (key.Length == 0 && reader.TokenType != JsonTokenType.StartObject)
                        errors.Add((place, new ConfigurationError("JSON", null,
                            "is not an object; write { and } around the sections ReverseProxy and Durable")));
                    if (!isLeaf) walk.Enter(key);
                }
            }
        }
        catch (JsonException e)
        {
            errors.Add((lines.At(e), new ConfigurationError(walk.Here is { Length: > 0 } key ? key : "JSON", null, Explain(e))));
        }

        return (positions, errors);
    }

    /// <summary>The position of the key, or of the nearest section around it that the file contains.</summary>
    public Position Find(string key)
    {
        while (true)
        {
            if (_keys.TryGetValue(key, out var position)) return position;
            var end = key.LastIndexOf(ConfigurationPath.KeyDelimiter, StringComparison.Ordinal);
            if (end < 0) return new Position(1, 1);
            key = key[..end];
        }
    }

    /// <summary>The syntax error without the reader's own position.</summary>
    public static string Explain(JsonException error)
    {
        var end = error.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return $"is not valid JSON: {(end < 0 ? error.Message : error.Message[..end]).TrimEnd('.', ' ')}";
    }

    /// <summary>A position. Lines and columns start at 1; a column is a character.</summary>
    internal readonly record struct Position(int Line, int Column)
    {
        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Line}:{Column}");
    }

    /// <summary>Converts byte offsets to positions. Offsets must not decrease.</summary>
    private sealed class Lines(byte[] json)
    {
        private int _line = 1;
        private int _start;
        private int _seen;

        public Position At(long index)
        {
            for (; _seen < index; _seen++)
            {
                if (json[_seen] != '\n') continue;
                _line++;
                _start = _seen + 1;
            }

            return new Position(_line, Encoding.UTF8.GetCharCount(json, _start, _seen - _start) + 1);
        }

        public Position At(JsonException error)
        {
            var start = 0;
            for (var line = 0; line < (error.LineNumber ?? 0); line++) start = Array.IndexOf(json, (byte)'\n', start) + 1;
            var length = (int)Math.Min(error.BytePositionInLine ?? 0, json.Length - start);
            return new Position((int)(error.LineNumber ?? 0) + 1, Encoding.UTF8.GetCharCount(json, start, length) + 1);
        }
    }

    /// <summary>The path from the root to the reader's position.</summary>
    private sealed class Walk
    {
        private readonly Stack<(string Path, int Items)> _open = [];
        private (string Key, Position At)? _name;

        /// <summary>The key whose value is being read, or the section around it.</summary>
        public string Here => _name?.Key ?? (_open.Count > 0 ? _open.Peek().Path : "");

        public void Name(string name, Position at) => _name = (Combine(_open.Peek().Path, name), at);

        /// <summary>
        /// The key and position of a value that begins. The position is that of the name for a member, and that of the value for an item.
        /// </summary>
        public (string Key, Position At) Value(Position at)
        {
            if (_name is { } name)
            {
                _name = null;
                return name;
            }

            if (_open.Count == 0) return ("", at);
            var (path, items) = _open.Pop();
            _open.Push((path, items + 1));
            return (Combine(path, items.ToString(CultureInfo.InvariantCulture)), at);
        }

        public void Enter(string path) => _open.Push((path, 0));

        public void Leave() => _open.Pop();

        private static string Combine(string path, string name) => path.Length == 0 ? name : ConfigurationPath.Combine(path, name);
    }
}
