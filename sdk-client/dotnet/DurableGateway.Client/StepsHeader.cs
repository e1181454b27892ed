using System;
using System.Collections.Generic;
using System.Text;

namespace DurableGateway.Client;

/// <summary>
/// Reads <c>Durable-Steps</c>: a List (RFC 9651) of Strings whose parameters are Byte Sequences, Strings, or other types that a later
/// version may add.
/// </summary>
internal static class StepsHeader
{
    /// <exception cref="FormatException">The value is not such a list.</exception>
    public static Dictionary<string, StepOutcome> Parse(string? value)
    {
        var steps = new Dictionary<string, StepOutcome>(StringComparer.Ordinal);
        if (string.IsNullOrWhiteSpace(value)) return steps;
        var reader = new Reader(value!);
        while (true)
        {
            reader.SkipBlanks();
            var id = reader.ReadString();
            byte[]? ok = null, err = null;
            string? contentType = null, type = StepTypes.Run;
            while (reader.TryTake(';'))
            {
                reader.SkipSpaces();
                var key = reader.ReadKey();
                var parameter = reader.TryTake('=') ? reader.ReadItem() : true;
                switch (key)
                {
                    case "ok": ok = parameter as byte[]; break;
                    case "err": err = parameter as byte[]; break;
                    case "ct": contentType = parameter as string; break;
                    case "t": type = parameter as string; break;
                }
            }

            if ((ok ?? err) is { } body)
                steps[id] = new StepOutcome(ok is null,
                    contentType ?? (ok is null ? StepProblem.ContentType : StepContent.JsonType), body, type);
            reader.SkipBlanks();
            if (reader.AtEnd) return steps;
            if (!reader.TryTake(',')) throw reader.Unexpected();
        }
    }

    private struct Reader(string text)
    {
        private int _at;

        public readonly bool AtEnd => _at == text.Length;

        public readonly FormatException Unexpected() =>
            new($"{DurableHeaders.Steps} cannot be read at position {_at}{(AtEnd ? " (its end)" : $" ('{text[_at]}')")}.");

        public bool TryTake(char c)
        {
            if (AtEnd || text[_at] != c) return false;
            _at++;
            return true;
        }

        public void SkipSpaces()
        {
            while (!AtEnd && text[_at] == ' ') _at++;
        }

        public void SkipBlanks()
        {
            while (!AtEnd && text[_at] is ' ' or '\t') _at++;
        }

        public string ReadKey() => ReadWhile(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '-' or '.' or '*');

        public string ReadString()
        {
            if (!TryTake('"')) throw Unexpected();
            var result = new StringBuilder();
            while (true)
            {
                if (AtEnd) throw Unexpected();
                var c = text[_at];
                if (c is < ' ' or > '~') throw Unexpected();
                _at++;
                if (c == '"') return result.ToString();
                if (c == '\\')
                {
                    if (AtEnd || text[_at] is not ('"' or '\\')) throw Unexpected();
                    c = text[_at++];
                }

                result.Append(c);
            }
        }

        /// <summary>Reads a Byte Sequence or a String, and skips other types.</summary>
        public object ReadItem()
        {
            if (AtEnd) throw Unexpected();
            switch (text[_at])
            {
                case '"': return ReadString();
                case ':': return ReadBytes();
                case '%':
                    _at++;
                    ReadString();
                    return true; // A Display String.
                default: return ReadWhile(c => c is > ' ' and <= '~' and not (';' or ',' or '"' or '='));
            }
        }

        private byte[] ReadBytes()
        {
            var end = text.IndexOf(':', ++_at);
            if (end < 0) throw Unexpected();
            try
            {
                var bytes = Convert.FromBase64String(text.Substring(_at, end - _at));
                _at = end + 1;
                return bytes;
            }
            catch (FormatException)
            {
                throw Unexpected();
            }
        }

        private string ReadWhile(Func<char, bool> belongs)
        {
            var start = _at;
            while (!AtEnd && belongs(text[_at])) _at++;
            return _at > start ? text.Substring(start, _at - start) : throw Unexpected();
        }
    }
}
