using System.Diagnostics;
using System.Globalization;
using System.Text;
using DurableGateway.Configuration;
using DurableGateway.Events;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Tests.Unit;

/// <summary>
/// Whatever comes over the wire or stands in the store, a parser answers or refuses it as it says it does, and soon. Inputs are valid ones
/// that are mangled, and noise. <c>DURABLE_FUZZ_ROUNDS=1000000</c> is the long form; a failure names the seed, for <c>DURABLE_FUZZ_SEED</c>.
/// </summary>
public sealed class FuzzTests
{
    private static readonly int Rounds = int.Parse(Environment.GetEnvironmentVariable("DURABLE_FUZZ_ROUNDS") ?? "5000", CultureInfo.InvariantCulture);
    private static readonly int Seed = int.Parse(Environment.GetEnvironmentVariable("DURABLE_FUZZ_SEED") ?? Random.Shared.Next().ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    private static readonly RunId Run = Make.RunId();
    private static readonly KeyRing Ring = Make.KeyRing(1);
    private static readonly RecordCodec Codec = new(Ring);
    private static readonly Tokens Tokens = new(Ring);

    /// <summary>By name: valid inputs, and what a parser makes of any.</summary>
    private static readonly Dictionary<string, (string[] Valid, Action<string> Parse)> Texts = new()
    {
        ["Boolean item"] = (["?1", "?0", "?1;a=b", " ?0 "], text => StructuredFields.ParseBoolean(text)),
        ["String item"] = (["\"a\"", "\"a\\\"b\\\\\"", "word", "\"a\";q=1"], text => StructuredFields.ParseText(text)),
        ["seconds"] = (["1", "0.5", "99999999", "3;a"], text =>
        {
            if (StructuredFields.TryParseSeconds(text, out var span)) Assert.True(span >= TimeSpan.Zero);
        }
        ),
        ["list"] = (["\"a\", \"b\";x=1", "(\"a\" \"b\"), c", "\"a,b\""], text => Assert.True(StructuredFields.CountMembers(text) >= 0)),
        ["Retry-After"] = (["120", "Wed, 21 Oct 2026 07:28:00 GMT", "0"], text =>
        {
            if (RetryAfter.Parse(text, Make.Start) is { } wait) Assert.True(wait >= TimeSpan.Zero);
        }
        ),
        ["Durable-Step-Retry"] = (["max-attempts=3, delay=0.5", "max-attempts=1", "delay=2;x", "max-delay=60, backoff=linear"], text => Refusing<FormatException>(() => StepRetryField.Parse(text))),
        ["Prefer"] = (["respond-async, wait=10", "wait=5", "respond-async;x=\"y\""], text => (PreferHeader.RespondAsync(text), PreferHeader.Wait(text)).ToString()),
        ["Idempotency-Key"] = (["\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "plain", "\"a\";p=1"], text => IdempotencyKeyHeader.Read(text, out _)),
        ["step id"] = (["charge", "a%20b", "%E2%82%AC%232", "a#2"], text =>
        {
            if (StepId.TryDecode(text, out var id)) Assert.InRange(Encoding.UTF8.GetByteCount(id), 1, StepId.MaxBytes);
        }
        ),
        ["run id"] = ([Run.ToString()], text =>
        {
            if (RunId.TryParse(text, out var id)) Assert.Equal(text, id.ToString());
        }
        ),
        ["statuses"] = (["500, 502-504", "429", "500-599,"], text => StatusRanges.IsValid(text)),
        ["size"] = (["4 MiB", "512", "1KiB"], text =>
        {
            if (ByteSize.TryParse(text, out var bytes)) Assert.True(bytes >= 0);
        }
        ),
        ["gate"] = (["3 30001767225600000 abc", "1 1 x"], text => Gate.Parse(text)),
        ["notice"] = ([$"n:f:1767225600000:{Run}", $"n:s:1:{Run}"], text => Notice.TryParse(text, out _)),
        ["waiter"] = ([$"{Run} step", $"{Run} a b"], text => Waiter.TryParse(text, out _)),
        ["history"] = (["1 1767225600000 a 1 0 node", "2 1767225600001 P 1 1767225600000 step with spaces"], text => HistoryEntry.Parse(text)),
        ["invoker"] = ([$"1 {Run} step"], text => Refusing<FormatException>(() => Invoker.Parse(text))),
        ["taken key"] = ([$"{Run}:abc:1767225600"], text => Refusing<FormatException>(() => TakenKey.Parse(text))),
        ["trace context"] = (["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"], text => DurableGateway.Telemetry.Spans.Parse(text, text)),
        ["token"] = ([Tokens.ForSteps(Run, 1), Tokens.ForResult(Run, Make.Start), Tokens.ForCallback(Run, "a")], text =>
        {
            if (text == Tokens.ForSteps(Run, 1) || text == Tokens.ForResult(Run, Make.Start) || text == Tokens.ForCallback(Run, "a")) return;
            Assert.Null(Tokens.VerifySteps(Run, text));
            Assert.Null(Tokens.VerifyResult(Run, text));
            Assert.False(Tokens.VerifyCallback(Run, "a", text));
        }
        ),
        ["CloudEvent"] = (
        [
            """{"specversion":"1.0","id":"1","source":"/a","type":"order.paid","subject":"42","time":"2026-01-01T00:00:00Z","datacontenttype":"application/json","data":{"a":[1,2]}}""",
            """{"specversion":"1.0","id":"1","source":"urn:x","type":"t","data_base64":"AAEC"}""",
        ], text =>
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            foreach (var isStructured in new[] { true, false })
            {
                var context = new DefaultHttpContext();
                context.Request.ContentType = isStructured ? "application/cloudevents+json" : "application/json";
                foreach (var name in new[] { "specversion", "id", "source", "type", "subject", "time" })
                {
                    if (!isStructured) context.Request.Headers["ce-" + name] = name == "specversion" ? "1.0" : text[..Math.Min(text.Length, 40)];
                }

                var reading = EventReader.ReadAsync(context.Request, bytes).GetAwaiter().GetResult();
                Assert.True(reading.Event is null != reading.Problem is null);
            }
        }
        ),
    };

    /// <summary>What is sealed is as it was written, or cannot be read.</summary>
    private static readonly Dictionary<string, (byte[] Valid, Func<byte[], object> Read)> Records = new()
    {
        ["request"] = (Codec.Encode(Run, Make.Request("body"u8.ToArray())), record => Codec.DecodeRequest(Run, record)),
        ["response"] = (Codec.Encode(Run, Make.Response()), record => Codec.DecodeResponse(Run, record)),
        ["step"] = (Codec.Encode(Run, Make.Outcome("a")), record => Codec.DecodeStep(Run, "a", false, record)),
        ["event"] = (Codec.Encode(new StoredEvent("n", new Topic("t", "k"), "text/plain", "x"u8.ToArray())), record => Codec.DecodeEvent("n", record)),
        ["policy"] = (RecordCodec.Encode(new RunPolicy()), record => RecordCodec.DecodePolicy(record)),
    };

    public static TheoryData<string> TextNames { get; } = [.. Texts.Keys];

    public static TheoryData<string> RecordNames { get; } = [.. Records.Keys];

    [Theory]
    [MemberData(nameof(TextNames))]
    public void Text_IsAnsweredOrRefused(string name)
    {
        var (valid, parse) = Texts[name];
        var random = new Random(Seed);
        foreach (var text in valid) parse(text);
        for (var round = 0; round < Rounds; round++) Try(name, random, valid, Mangled(random, valid), parse);
    }

    [Theory]
    [MemberData(nameof(RecordNames))]
    public void Record_IsAsItWasWritten_OrCannotBeRead(string name)
    {
        var (valid, read) = Records[name];
        var random = new Random(Seed);
        Assert.NotNull(read(valid));
        for (var round = 0; round < Rounds; round++)
        {
            Try(name, random, valid, Mangled(random, valid), record =>
            {
                try
                {
                    read(record);

                    // A policy is no secret, and not sealed: one that can be read is one.
                    Assert.True(name == "policy" || record.AsSpan().SequenceEqual(valid), "A record that was changed has been read.");
                }
                catch (UnreadableRecordException)
                {
                    // As it should be.
                }
            });
        }
    }

    private static void Try<T>(string name, Random random, object valid, T input, Action<T> parse)
    {
        var began = Stopwatch.GetTimestamp();
        try
        {
            parse(input);
        }
        catch (Exception e)
        {
            Assert.Fail($"{name}, seed {Seed}, input {(input is byte[] bytes ? Convert.ToHexString(bytes) : System.Text.Json.JsonSerializer.Serialize(input))}: {e}");
        }

        Assert.True(Stopwatch.GetElapsedTime(began) < Soon, $"{name}, seed {Seed}: it took {Stopwatch.GetElapsedTime(began)}.");
    }

    private static void Refusing<T>(Action parse) where T : Exception
    {
        try
        {
            parse();
        }
        catch (T)
        {
            // As it says it does.
        }
    }

    private static string Mangled(Random random, string[] valid)
    {
        const string Special = "\"\\,;=()?*:%/#@ \t\r\n\0-+.eE0123456789\u00e9\u20ac\ud83d\ude00\ufeff\u202e{}[]<>&'";
        var text = new StringBuilder(random.Next(20) == 0 ? "" : valid[random.Next(valid.Length)]);
        for (var changes = random.Next(1, 9); changes > 0; changes--)
        {
            var at = random.Next(text.Length + 1);
            switch (random.Next(7))
            {
                case 0: text.Insert(at, Special[random.Next(Special.Length)]); break;
                case 1 when at < text.Length: text[at] = (char)random.Next(0x10000); break;
                case 2 when at < text.Length: text.Remove(at, random.Next(1, text.Length - at + 1)); break;
                case 3: text.Insert(at, valid[random.Next(valid.Length)]); break;
                case 4 when at < text.Length: text[at] = Special[random.Next(Special.Length)]; break;
                case 5 when text.Length is > 0 and < 2000: text.Insert(at, text.ToString(random.Next(text.Length), 1), random.Next(1, 200)); break;
                default: text.Append(random.NextInt64()); break;
            }
        }

        return text.ToString();
    }

    private static byte[] Mangled(Random random, byte[] valid)
    {
        var bytes = valid.ToList();
        for (var changes = random.Next(1, 6); changes > 0; changes--)
        {
            var at = random.Next(bytes.Count + 1);
            switch (random.Next(4))
            {
                case 0 when at < bytes.Count: bytes[at] ^= (byte)random.Next(1, 256); break;
                case 1 when at < bytes.Count: bytes.RemoveRange(at, random.Next(1, bytes.Count - at + 1)); break;
                case 2: bytes.Insert(at, (byte)random.Next(256)); break;
                default: bytes.InsertRange(at, valid.Take(random.Next(valid.Length))); break;
            }
        }

        return [.. bytes];
    }
}
