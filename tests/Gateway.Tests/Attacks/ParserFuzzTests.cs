using System.Buffers.Text;
using System.Text;
using DurableGateway.Admin;
using DurableGateway.Admin.Json;
using DurableGateway.Configuration;
using DurableGateway.Dashboard;
using DurableGateway.Events;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using DurableGateway.Steps;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>
/// Everything that reads what others wrote, fed with what nobody should write: it says no as it is documented to, and soon.
/// </summary>
[Trait("Category", "Unit")]
public sealed class ParserFuzzTests
{
    private static readonly DateTimeOffset Now = Make.Start;
    private static readonly Tokens Tokens = new(Make.KeyRing(1));
    private static readonly RunId Run = Make.RunId();

    [Fact]
    public void StructuredFields_AreReadOrNot()
    {
        string[] valid = ["?1", "?0;a=b", "\"text\"", "\"a\\\"b\\\\c\"", "\"charge\";ok=:eyJpZCI6MX0=:, \"notify\";err=:e30=:", "1.5",
            "315360000", "max-attempts=3, delay=1.5, max-delay=60, backoff=linear", "wait=10, respond-async", "u=3, i"];
        Fuzz.Run(fuzz =>
        {
            var text = fuzz.Text(valid);
            StructuredFields.ParseBoolean(text);
            StructuredFields.ParseText(text);
            Assert.InRange(StructuredFields.CountMembers(text), 1, text.Length + 1);
            if (StructuredFields.TryParseSeconds(text, out var span)) Assert.True(Now + span >= Now);
            if (RetryAfter.Parse(text, Now) is { } delay) Assert.True(Now + delay >= Now);
            if (PreferHeader.Wait(text) is { } wait) Assert.True(wait >= TimeSpan.Zero);
            PreferHeader.RespondAsync(text);
            if (IdempotencyKeyHeader.Read(text, out var wrong) is { } key)
                Assert.True(wrong is null && key.Length is >= 1 and <= IdempotencyKeyHeader.MaxLength);
            FormatIs(() => (object)StepRetryField.Parse(text));
        });
    }

    [Fact]
    public void Strings_ComeBackAsTheyWere() => Fuzz.Run(fuzz =>
    {
        var text = new string([.. fuzz.Text("a", "\\\"").Where(c => c is >= ' ' and <= '~')]);
        var written = new StringBuilder().AppendString(text).ToString();
        Assert.Equal(text.Length == 0 ? null : text, StructuredFields.ParseText(written));
        Assert.Equal(1, StructuredFields.CountMembers(written));
        if (text.Length is >= 1 and <= IdempotencyKeyHeader.MaxLength) Assert.Equal(text, IdempotencyKeyHeader.Read(written, out _));
    });

    [Fact]
    public void StepIds_AreReadOrNot_AndComeBackAsTheyWere() => Fuzz.Run(fuzz =>
    {
        var text = fuzz.Text("charge", "a%2Fb", "%F0%9F%98%80", "name#2", "%2e%2e");
        if (StepId.TryDecode(text, out var id))
        {
            Assert.InRange(Encoding.UTF8.GetByteCount(id), 1, StepId.MaxBytes);
            Assert.False(id is "." or "..");
        }

        var wellFormed = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
        if (wellFormed is not ("" or "." or "..") && Encoding.UTF8.GetByteCount(wellFormed) <= StepId.MaxBytes)
        {
            Assert.True(StepId.TryDecode(Uri.EscapeDataString(wellFormed), out var same));
            Assert.Equal(wellFormed, same);
        }
    });

    [Fact]
    public void StepCalls_AreReadOrRefused()
    {
        string[] headers = [.. new[] { "Type", "Outcome", "Duration", "For", "Until", "Timeout", "Retry" }.Select(name =>
            "Durable-Step-" + name), "Durable-Event-Type", "Durable-Event-Key",
            "Durable-Event-Lookback", "Durable-Invoke-Path", "Durable-Invoke-Method", "Durable-Retry", "Retry-After", "Content-Type"];
        Fuzz.Run(fuzz =>
        {
            var context = new DefaultHttpContext();
            context.Request.Headers["Durable-Step-Type"] = fuzz.Of("run", "sleep", "wait", "callback", "invoke");
            for (var count = fuzz.Int(5); count > 0; count--)
                context.Request.Headers[fuzz.Of(headers)] = fuzz.Text("run", "wait", "failed", "1.5", "2026-11-23T12:00:00Z",
                    "order.approved", "/orders?x=1", "POST", "?0", "max-attempts=3");
            var call = StepCallReader.Read(context.Request, fuzz.Of("charge", fuzz.Text("a%2Fb")), Now, Run, out var problem);
            Assert.True(call is null ? problem is { Status: >= 400 and < 500 } : problem is null);
            if (call is InvokeStepCall invoke)
                Assert.True(invoke.Target.StartsWith('/') && !invoke.Target.StartsWith("//", StringComparison.Ordinal));
        });
    }

    [Fact]
    public void Tokens_ThatNobodyGaveOut_AreNone()
    {
        var end = Make.Start.AddDays(1);
        string[] valid = [Tokens.ForSteps(Run, 1), Tokens.ForResult(Run, end), Tokens.ForCallback(Run, "a"),
            Tokens.ForSteps(Make.RunId(), 1)];
        Fuzz.Run(fuzz =>
        {
            var text = fuzz.Text(valid);
            Assert.True(Tokens.VerifySteps(Run, text) is null || text == valid[0]);
            Assert.True(Tokens.VerifyResult(Run, text) is null || text == valid[1]);
            Assert.True(!Tokens.VerifyCallback(Run, "a", text) || text == valid[2]);
        });
    }

    /// <summary>What stands in the store is the gateway's own, until something damages it.</summary>
    [Fact]
    public void StoredTexts_AreReadOrRefused()
    {
        string[] valid = ["3 30001767225600000 abc", $"n:f:1767225600000:{Run}", $"{Run} step", "2 1767225600001 P 1 1767225600000 step "
            + "with spaces", $"1 {Run} step", $"{Run}:abc:1767225600", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"];
        Fuzz.Run(fuzz =>
        {
            var text = fuzz.Text(valid);
            ConcurrencyLimit.Parse(text);
            if (Notice.TryParse(text, out var notice)) Assert.True(Enum.IsDefined(notice.Kind));
            if (Waiter.TryParse(text, out var waiter)) Assert.Equal(text, waiter.ToString());
            HistoryEntry.Parse(text);
            DurableGateway.Telemetry.Spans.Parse(text, text);
            FormatIs(() => (object)Invoker.Parse(text));
            FormatIs(() => (object)TakenKey.Parse(text));
        });
    }

    [Fact]
    public void RunIds_HaveOneSpelling() => Fuzz.Run(fuzz =>
    {
        if (RunId.TryParse(fuzz.Text(Run.ToString(), Guid.Empty.ToString("B")), out var id)) Assert.Equal(fuzz.Last, id.ToString());
    });

    [Fact]
    public void Records_ThatWereChanged_AreUnreadable()
    {
        var codec = new RecordCodec(Make.KeyRing(1));
        var request = codec.Encode(Run, Make.Request("body"u8.ToArray()));
        var response = codec.Encode(Run, Make.Response());
        Fuzz.Run(fuzz =>
        {
            Unreadable(fuzz, request, record => codec.DecodeRequest(Run, record));
            Unreadable(fuzz, response, record => codec.DecodeResponse(Run, record));
            Unreadable(fuzz, response, record => codec.DecodeStep(Run, "a", false, record));
            Unreadable(fuzz, response, record => codec.DecodeHead(Run, record));
            Unreadable(fuzz, response, record => codec.DecodeEvent("a", record));
        });
    }

    /// <summary>Behind the seal nobody but a gateway can write; what an older or a broken one wrote costs no more than its run.</summary>
    [Fact]
    public void Records_ThatWereSealedWrong_AreUnreadable()
    {
        var ring = Make.KeyRing(1);
        var codec = new RecordCodec(ring);
        var request = ring.Open(codec.Encode(Run, Make.Request("body"u8.ToArray())), $"{Run}/request");
        var response = ring.Open(codec.Encode(Run, Make.Response()), $"{Run}/result");
        Fuzz.Run(fuzz =>
        {
            ReadOrUnreadable(() => codec.DecodeRequest(Run, ring.Seal(fuzz.Changed(request), $"{Run}/request")));
            ReadOrUnreadable(() => codec.DecodeResponse(Run, ring.Seal(fuzz.Changed(response), $"{Run}/result")));
            ReadOrUnreadable(() => codec.DecodeStep(Run, "a", false, ring.Seal(fuzz.Changed(response), $"{Run}/step:a")));
            ReadOrUnreadable(() => PolicyRecord.Decode(fuzz.Changed(PolicyRecord.Encode(new RunPolicy()))));
        });
    }

    [Fact]
    public void Records_ComeBackAsTheyWere()
    {
        var codec = new RecordCodec(Make.KeyRing(1));
        Fuzz.Run(fuzz =>
        {
            string Text() => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(fuzz.Text("a", "é")));
            var given = Make.Request(fuzz.Bytes(200)) with
            {
                Method = Text(),
                Path = Text(),
                RawTarget = Text(),
                Headers = [new(Text(), Text()), new(Text(), "")],
                Trailers = fuzz.Int(2) == 0 ? [] : [new(Text(), Text())]
            };
            var read = codec.DecodeRequest(Run, codec.Encode(Run, given));
            Assert.Equal((given.Method, given.Path, given.RawTarget), (read.Method, read.Path, read.RawTarget));
            Assert.Equal(given.Headers, read.Headers);
            Assert.Equal(given.Trailers, read.Trailers);
            Assert.True(given.Body.Span.SequenceEqual(read.Body.Span));
        });
    }

    [Fact]
    public void Events_AreReadOrRefused()
    {
        string[] bodies =
        [
            """
            {"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"k","time":"2026-11-23T12:00:00Z",
             "datacontenttype":"application/json","data":{"a":[1,2]}}
            """,
            """{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AAEC"}""",
            """{"specversion":"1.0","id":1,"source":null,"type":{},"data":[[[[]]]]}""",
        ];
        Fuzz.Run(fuzz =>
        {
            var context = new DefaultHttpContext();
            var body = Encoding.UTF8.GetBytes(fuzz.Text(bodies));
            var input = fuzz.Last;
            context.Request.ContentType = fuzz.Of("application/cloudevents+json", "application/json",
                fuzz.Text("application/cloudevents+json; charset=utf-8"));
            if (fuzz.Int(2) == 0)
            {
                foreach (var name in new[] { "specversion", "id", "source", "type", "subject", "time" })
                    context.Request.Headers["ce-" + name] = fuzz.Text("1.0", "/s", "t", "2026-11-23T12:00:00Z", "%41", "1");
            }

            var reading = EventReader.ReadAsync(context.Request, body).GetAwaiter().GetResult();
            Assert.True(reading.Event is null ? reading.Problem is { Status: >= 400 and < 500 } : reading.Event.Topic.Type.Length > 0,
                input);
        });
    }

    [Fact]
    public void CallbackUrls_ThatNobodyGaveOut_AreNone()
    {
        var urls = new CallbackUrls(SettingsBinder.Bind(new Microsoft.Extensions.Configuration.ConfigurationManager()), Tokens, null!);
        var step = Base64Url.EncodeToString("a"u8);
        Fuzz.Run(fuzz =>
        {
            var (run, name, token) = (fuzz.Text(Run.ToString()), fuzz.Text(step),
                fuzz.Text(Tokens.ForCallback(Run, "a"), Tokens.ForSteps(Run, 1)));
            if (urls.Parse(run, name, token) is { } waiter) Assert.Equal((Run, "a"), (waiter.Run, waiter.Step));
        });
    }

    [Fact]
    public void Cursors_ThatNobodyGaveOut_AreRefused() => Fuzz.Run(fuzz =>
    {
        var text = fuzz.Text(Base64Url.EncodeToString(Encoding.ASCII.GetBytes($"1772366400000 {Run}")));
        FormatIs(() => (object)RunAdmin.ParseCursor(text));
        FormatIs(() => (object)RunAdmin.ParseCursor(Base64Url.EncodeToString(Encoding.UTF8.GetBytes(fuzz.Text($"1772366400000 {Run}")))));
    });

    [Fact]
    public void Filters_AreReadOrRefused() => Fuzz.Run(fuzz =>
    {
        string? Any() => fuzz.Of(null, fuzz.Text("waiting", "2026-03-01T12:00:00Z", "50"));
        FormatIs(() => AdminQuery.Read(new FilterJson(Any(), Any(), Any(), Any(), Any(), Any()), Any(), Any()));
        var context = new DefaultHttpContext();
        foreach (var name in new[] { "state", "route", "step", "search", "from", "to", "after", "cursor", "since", "age" })
            context.Request.QueryString = context.Request.QueryString.Add(name, Any() ?? "");
        FormatIs(() => RunFilters.Read(context.Request.Query).ToQuery(Now, 50));
    });

    [Fact]
    public void Streams_AreCutAtTheSamePlaces_HoweverTheyArrive() => Fuzz.Run(fuzz =>
    {
        var bytes = Encoding.UTF8.GetBytes(fuzz.Text("id: 1\ndata: a\n\n", "data: a\r\n\r\ndata: b\r\rid:2\n:\n\n", ": comment\n\n"));
        var whole = new EventSplitter();
        var one = whole.Take(bytes).Select(split => split.Event.Id).ToArray();
        var parts = new EventSplitter();
        var several = new List<string>();
        var all = 0;
        for (var at = 0; at < bytes.Length;)
        {
            var count = 1 + fuzz.Int(bytes.Length - at);
            foreach (var split in parts.Take(bytes.AsSpan(at, count)))
            {
                several.Add(split.Event.Id);
                all += split.Event.Bytes.Length;
            }

            at += count;
        }

        Assert.Equal(one, several);
        Assert.Equal(bytes.Length, all + parts.Rest.Length);
    });

    [Fact]
    public void Bodies_AreShownWhateverTheyAre() => Fuzz.Run(fuzz =>
    {
        var body = fuzz.Int(2) == 0
            ? fuzz.Bytes(300)
            : Encoding.UTF8.GetBytes(fuzz.Text("{\"a\":[1,2,{\"b\":null}]}", "<svg onload=alert(1)>", "[[[[[[[["));
        var shown = BodyContent.Of(fuzz.Of(null, "application/json", "image/png", "text/html", "image/svg+xml",
            fuzz.Text("application/problem+json")), body);
        Assert.True(shown.Kind != BodyKind.Image || shown.Text.StartsWith("data:image/", StringComparison.Ordinal));
        BodyContent.Hex(body);
    });

    [Fact]
    public void Settings_AreReadOrRefused() => Fuzz.Run(fuzz =>
    {
        var text = fuzz.Text("500, 502-504", "4 MiB", "header:Authorization", "query:tenant");
        if (ByteSize.TryParse(text, out var size)) Assert.True(size >= 0);
        if (StatusRanges.IsValid(text)) Assert.Equal(text, new StatusRanges(text).Text);
        FlowKey.IsValid(text);
        ReservedPathMiddleware.IsReserved(text);
    });

    private static void Unreadable(Fuzz fuzz, byte[] record, Func<byte[], object> decode)
    {
        var changed = fuzz.Changed(record);
        if (!changed.AsSpan().SequenceEqual(record)) Assert.Throws<UnreadableRecordException>(() => decode(changed));
    }

    private static void ReadOrUnreadable(Func<object> decode)
    {
        try
        {
            decode();
        }
        catch (UnreadableRecordException)
        {
            // As documented.
        }
    }

    private static void FormatIs(Func<object> parse)
    {
        try
        {
            parse();
        }
        catch (FormatException)
        {
            // As documented.
        }
    }
}
