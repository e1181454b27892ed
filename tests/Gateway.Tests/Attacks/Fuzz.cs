using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace DurableGateway.Tests.Attacks;

/// <summary>
/// Feeds a parser with inputs that are made up, or valid ones with something changed. The seed is printed with what went wrong;
/// <c>DURABLE_FUZZ_SEED</c> takes it again, <c>DURABLE_FUZZ_ITERATIONS</c> says how many inputs there are (without it: as many as come
/// within two seconds, at most five thousand).
/// </summary>
internal sealed class Fuzz
{
    private const int ShortForm = 5_000;
    private static readonly TimeSpan ShortTime = TimeSpan.FromSeconds(2);

    /// <summary>No input of these sizes takes a parser longer, however busy the machine is.</summary>
    private static readonly TimeSpan TooLong = TimeSpan.FromSeconds(5);

    private static readonly string[] Nasty =
    [
        "\r\n", "\n", "\r", "\0", "\"", "\\", ":", ";", ",", "=", "%", "%00", "%0d%0a", "%zz", "..", "/", "//", "?", "#", "@", "-", "-1",
        "+", "0x", "1e309", "NaN", "Infinity", "9223372036854775808", "99999999999999999999",
        "\u0085", "\u2028", "\ud800", "\udfff", "\ufeff", "é", "😀", "{", "}", "[", "]", "null", "true", " ", "\t",
        "?1", "?0", "AAAA", "====", "____",
    ];

    private readonly Random _random;

    private Fuzz(Random random) => _random = random;

    /// <param name="one">Makes an input, gives it to the parser and checks what comes of it. Whatever it throws is a fault.</param>
    public static void Run(Action<Fuzz> one)
    {
        var first = Number("DURABLE_FUZZ_SEED") ?? 20_261_123;
        var iterations = Number("DURABLE_FUZZ_ITERATIONS");
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < (iterations ?? ShortForm) && (iterations is not null || Stopwatch.GetElapsedTime(began) < ShortTime); i++)
        {
            // Each input has a seed of its own, so that one that fails can be had alone.
            var seed = first + i;
            var start = Stopwatch.GetTimestamp();
            var fuzz = new Fuzz(new Random(seed));
            try
            {
                one(fuzz);
            }
            catch (Exception e)
            {
                Assert.Fail($"DURABLE_FUZZ_SEED={seed}: {fuzz.Last}\n{e}");
            }

            Assert.True(Stopwatch.GetElapsedTime(start) < TooLong,
                $"DURABLE_FUZZ_SEED={seed} took {Stopwatch.GetElapsedTime(start)}: {fuzz.Last}");
        }
    }

    /// <summary>The input made last.</summary>
    public string Last { get; private set; } = "";

    public int Int(int limit) => _random.Next(limit);

    public long Long() => _random.Next(4) switch
    {
        0 => _random.NextInt64(),
        1 => -_random.NextInt64(),
        2 => long.MaxValue,
        _ => _random.Next(1000),
    };

    public byte[] Bytes(int most)
    {
        var bytes = new byte[_random.Next(most)];
        _random.NextBytes(bytes);
        return bytes;
    }

    public T Of<T>(params T[] items) => items[_random.Next(items.Length)];

    /// <summary>A text that is made up, or one of the valid ones with something changed; seldom as it was.</summary>
    public string Text(params string[] valid)
    {
        var text = valid.Length > 0 && _random.Next(4) > 0 ? Of(valid) : Random();
        for (var changes = _random.Next(5); changes > 0; changes--) text = Change(text, valid);
        return Last = text;
    }

    /// <summary>Valid bytes with some of them changed, cut off or added.</summary>
    public byte[] Changed(byte[] valid)
    {
        var bytes = valid.ToList();
        for (var changes = 1 + _random.Next(4); changes > 0; changes--)
        {
            var at = _random.Next(bytes.Count + 1);
            switch (_random.Next(4))
            {
                case 0 when at < bytes.Count: bytes[at] ^= (byte)(1 << _random.Next(8)); break;
                case 1 when at < bytes.Count: bytes[at] = (byte)_random.Next(256); break;
                case 2: bytes.RemoveRange(at, _random.Next(bytes.Count - at + 1)); break;
                default: bytes.InsertRange(at, Bytes(16)); break;
            }
        }

        Last = Convert.ToHexString([.. bytes]);
        return [.. bytes];
    }

    private string Change(string text, string[] valid)
    {
        var at = _random.Next(text.Length + 1);
        return _random.Next(7) switch
        {
            0 => text.Insert(at, Of(Nasty)),
            1 => text[..at],
            2 => text[at..],
            3 when at < text.Length => text[..at] + (char)_random.Next(0x250) + text[(at + 1)..],
            4 when text.Length is > 0 and < 10_000 =>
                string.Concat(Enumerable.Repeat(text[..Math.Min(at + 1, text.Length)], 1 + _random.Next(50))),
            5 when valid.Length > 0 => text[..at] + Of(valid),
            _ => text.Insert(at, Random()),
        };
    }

    private string Random()
    {
        var text = new StringBuilder();
        for (var parts = _random.Next(6); parts > 0; parts--)
        {
            if (_random.Next(2) == 0) text.Append(Of(Nasty));
            else for (var count = _random.Next(12); count > 0; count--)
                text.Append((char)(_random.Next(5) == 0 ? _random.Next(0xFFFF) : ' ' + _random.Next(95)));
        }

        return text.ToString();
    }

    private static int? Number(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
