using System.Buffers.Text;
using System.IO.Compression;
using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>
/// The binary format of records: a version byte, then the fields. A record is sealed as a whole under the run's id and the field's name,
/// so that it cannot be moved to another run or field.
/// </summary>
internal sealed class RecordCodec(KeyRing keys)
{
    public const byte Version = 1;

    public byte[] Encode(RunId run, StoredRequest request) => Seal(run, "request", writer =>
    {
        writer.Write(request.Method);
        writer.Write(request.Scheme);
        writer.Write(request.Protocol);
        writer.Write(request.PathBase);
        writer.Write(request.Path);
        writer.Write(request.Query);
        writer.Write(request.RawTarget);
        writer.Write(request.RemoteAddress);
        writer.Write(request.RemotePort);
        writer.Write(request.LocalAddress);
        writer.Write(request.LocalPort);
        writer.Write(request.TraceParent);
        writer.Write(request.TraceState);
        writer.Write(request.Chunked);
        Write(writer, request.Headers);
        Write(writer, [.. request.RouteValues.Select(pair => new HeaderLine(pair.Key, pair.Value))]);
        Write(writer, request.Body);

        // Few requests have trailers, and records of earlier releases end here.
        if (request.Trailers.Count > 0) Write(writer, request.Trailers);
    });

    public StoredRequest DecodeRequest(RunId run, ReadOnlyMemory<byte> record) => Open(run, "request", record.Span, ReadRequest);

    private static StoredRequest ReadRequest(BinaryReader reader) => new()
    {
        Method = reader.ReadString(),
        Scheme = reader.ReadString(),
        Protocol = reader.ReadString(),
        PathBase = reader.ReadString(),
        Path = reader.ReadString(),
        Query = reader.ReadString(),
        RawTarget = reader.ReadString(),
        RemoteAddress = reader.ReadString(),
        RemotePort = reader.ReadInt32(),
        LocalAddress = reader.ReadString(),
        LocalPort = reader.ReadInt32(),
        TraceParent = reader.ReadString(),
        TraceState = reader.ReadString(),
        Chunked = reader.ReadBoolean(),
        Headers = ReadLines(reader),
        RouteValues = [.. ReadLines(reader).Select(line => KeyValuePair.Create(line.Name, line.Value))],
        Body = ReadBytes(reader),
        Trailers = reader.BaseStream.Position < reader.BaseStream.Length ? ReadLines(reader) : [],
    };

    /// <summary>
    /// Method, path and target, in the head of the request (<see cref="RequestRecord"/>). Lists of runs show them, and results are
    /// relative to the target, without reading the whole request.
    /// </summary>
    public byte[] EncodeLabel(RunId run, StoredRequest request) => Seal(run, "label", writer =>
    {
        writer.Write(request.Method);
        writer.Write(request.Path);
        writer.Write(request.RawTarget);
    });

    public (string Method, string Path) DecodeLabel(RunId run, byte[] record) =>
        Open(run, "label", record, reader => (reader.ReadString(), reader.ReadString()));

    /// <summary>The request target as received.</summary>
    public string DecodeTarget(RunId run, byte[] record) => Open(run, "label", record, reader =>
    {
        _ = reader.ReadString();
        _ = reader.ReadString();
        return reader.ReadString();
    });

    public byte[] Encode(RunId run, StoredResponse response) => Seal(run, "result", writer =>
    {
        writer.Write(response.Status);
        Write(writer, response.Headers);
        Write(writer, response.Trailers ?? []);
        Write(writer, response.Body);
    });

    public StoredResponse DecodeResponse(RunId run, byte[]? record) => Open(run, "result", record, reader =>
    {
        var status = reader.ReadInt32();
        var headers = ReadLines(reader);
        var trailers = ReadLines(reader);
        return new StoredResponse(status, headers, ReadBytes(reader), trailers);
    });

    public byte[] Encode(RunId run, StepOutcome step) => Seal(run, "step:" + step.Id, writer =>
    {
        writer.Write(step.Type);
        writer.Write(step.ContentType);
        writer.Write(step.Attempt);
        writer.Write(step.StartedAt.ToUnixTimeMilliseconds());
        writer.Write(step.EndedAt.ToUnixTimeMilliseconds());
        Write(writer, step.Body);
    });

    public StepOutcome DecodeStep(RunId run, string id, bool failed, byte[] record) =>
        Open(run, "step:" + id, record, reader => new StepOutcome
        {
            Id = id,
            Failed = failed,
            Type = reader.ReadString(),
            ContentType = reader.ReadString(),
            Attempt = reader.ReadInt32(),
            StartedAt = DateTimeOffset.FromUnixTimeMilliseconds(reader.ReadInt64()),
            EndedAt = DateTimeOffset.FromUnixTimeMilliseconds(reader.ReadInt64()),
            Body = ReadBytes(reader),
        });

    /// <summary>What a service said about a failure, as text for the entries of the history.</summary>
    /// <param name="run">The run.</param>
    /// <param name="step">The step; empty if an attempt failed.</param>
    /// <param name="failure">The failure.</param>
    public string EncodeReason(RunId run, string step, FailureText failure) => Base64Url.EncodeToString(Seal(run, "reason", writer =>
    {
        writer.Write(step);
        writer.Write(failure.Reason ?? "");

        // Records of earlier releases end here.
        if (string.IsNullOrEmpty(failure.Body) && failure.Took == default) return;
        writer.Write7BitEncodedInt64((long)failure.Took.TotalMilliseconds);
        writer.Write(failure.ContentType ?? "");
        writer.Write(failure.IsCut);
        Write(writer, Deflated(failure.Body ?? ""));
    }));

    public (string Step, FailureText Failure) DecodeReason(RunId run, string record)
    {
        if (!Base64Url.IsValid(record)) throw new UnreadableRecordException($"The reason of {run} cannot be read.");
        return Open(run, "reason", Base64Url.DecodeFromChars(record), reader =>
        {
            var (step, failure) = (reader.ReadString(), new FailureText(reader.ReadString()));
            if (reader.BaseStream.Position == reader.BaseStream.Length) return (step, failure);
            var took = TimeSpan.FromMilliseconds(reader.Read7BitEncodedInt64());
            var (type, isCut) = (reader.ReadString(), reader.ReadBoolean());
            return (step, failure with { ContentType = type, IsCut = isCut, Took = took, Body = Inflated(ReadBytes(reader)) });
        });
    }

    /// <summary>Bodies of failures are compressed, because a run can have many of them, and markup and stacks repeat themselves.</summary>
    private static byte[] Deflated(string text)
    {
        using var bytes = new MemoryStream();
        using (var deflate = new DeflateStream(bytes, CompressionLevel.Fastest, leaveOpen: true))
            deflate.Write(Encoding.UTF8.GetBytes(text));
        return bytes.ToArray();
    }

    private static string Inflated(byte[] bytes)
    {
        using var inflate = new DeflateStream(new MemoryStream(bytes, writable: false), CompressionMode.Decompress);
        using var text = new StreamReader(inflate, Encoding.UTF8);
        return text.ReadToEnd();
    }

    /// <summary>Status and headers of a response whose body is stored elsewhere.</summary>
    public byte[] EncodeHead(RunId run, StoredResponse head) => Seal(run, "head", writer =>
    {
        writer.Write(head.Status);
        Write(writer, head.Headers);
    });

    public StoredResponse DecodeHead(RunId run, byte[]? record) => Open(run, "head", record, reader =>
        new StoredResponse(reader.ReadInt32(), ReadLines(reader), ReadOnlyMemory<byte>.Empty));

    public byte[] Encode(RunId run, StreamEvent streamed) => Seal(run, "stream", writer => Write(writer, streamed.Bytes));

    public ReadOnlyMemory<byte> DecodeStreamEvent(RunId run, byte[]? record) => Open(run, "stream", record, ReadBytes);

    public byte[] Encode(StoredEvent stored) => Seal("event", stored.Name, writer =>
    {
        writer.Write(stored.Topic.Type);
        writer.Write(stored.Topic.Key is not null);
        writer.Write(stored.Topic.Key ?? "");
        writer.Write(stored.ContentType);
        Write(writer, stored.Data);
    });

    public StoredEvent DecodeEvent(string name, byte[]? record) => Open("event", name, record, reader =>
    {
        var type = reader.ReadString();
        var hasKey = reader.ReadBoolean();
        var key = reader.ReadString();
        return new StoredEvent(name, new Topic(type, hasKey ? key : null), reader.ReadString(), ReadBytes(reader));
    });

    /// <summary>The filter of a bulk action. It is sealed because it may contain header values.</summary>
    public byte[] EncodeFilter(Guid set, ReadOnlyMemory<byte> filter) => Seal("set", set.ToString(), writer => Write(writer, filter));

    public ReadOnlyMemory<byte> DecodeFilter(Guid set, byte[]? record) => Open("set", set.ToString(), record, ReadBytes);

    /// <summary>The binding of the run's result; empty if it has none.</summary>
    public string Binding(NewRun run) => ResultBinding.Of(keys, run);

    private byte[] Seal(RunId run, string field, Action<BinaryWriter> write) => Seal(run.ToString(), field, write);

    private T Open<T>(RunId run, string field, byte[]? record, Func<BinaryReader, T> read) => Open(run.ToString(), field, record, read);

    private T Open<T>(RunId run, string field, ReadOnlySpan<byte> record, Func<BinaryReader, T> read) =>
        Open(run.ToString(), field, record, read);

    private byte[] Seal(string owner, string field, Action<BinaryWriter> write)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(Version);
        write(writer);
        writer.Flush();
        return keys.Seal(stream.GetBuffer().AsSpan(0, (int)stream.Length), $"{owner}/{field}");
    }

    private T Open<T>(string owner, string field, byte[]? record, Func<BinaryReader, T> read)
    {
        if (record is null) throw new UnreadableRecordException($"The {field} of {owner} is missing.");
        return Open(owner, field, record.AsSpan(), read);
    }

    private T Open<T>(string owner, string field, ReadOnlySpan<byte> record, Func<BinaryReader, T> read)
    {
        try
        {
            using var reader = new BinaryReader(new MemoryStream(keys.Open(record, $"{owner}/{field}")));
            var version = reader.ReadByte();
            if (version != Version)
                throw new UnreadableRecordException($"The {field} of {owner} has format {version}; this gateway reads {Version}.");
            return read(reader);
        }
        catch (KeyMissingException e)
        {
            throw new UnreadableRecordException($"The {field} of {owner} cannot be read: {e.Message}", e) { KeyIsMissing = true };
        }
        catch (Exception e) when (
            e is IOException or InvalidDataException or System.Security.Cryptography.CryptographicException
            or ArgumentException or FormatException)
        {
            throw new UnreadableRecordException($"The {field} of {owner} cannot be read: {e.Message}", e);
        }
    }

    private static void Write(BinaryWriter writer, IReadOnlyList<HeaderLine> lines)
    {
        writer.Write7BitEncodedInt(lines.Count);
        foreach (var (name, value) in lines)
        {
            writer.Write(name);
            writer.Write(value);
        }
    }

    private static HeaderLine[] ReadLines(BinaryReader reader)
    {
        var lines = new HeaderLine[Checked(reader, reader.Read7BitEncodedInt())];
        for (var i = 0; i < lines.Length; i++) lines[i] = new HeaderLine(reader.ReadString(), reader.ReadString());
        return lines;
    }

    private static void Write(BinaryWriter writer, ReadOnlyMemory<byte> bytes)
    {
        writer.Write7BitEncodedInt(bytes.Length);
        writer.Write(bytes.Span);
    }

    private static byte[] ReadBytes(BinaryReader reader) => reader.ReadBytes(Checked(reader, reader.Read7BitEncodedInt()));

    /// <summary>Checks a length against the size of the record, so that a corrupt length does not cause an allocation.</summary>
    private static int Checked(BinaryReader reader, int length) =>
        length >= 0 && length <= reader.BaseStream.Length - reader.BaseStream.Position
            ? length
            : throw new EndOfStreamException("A length exceeds the record.");
}
