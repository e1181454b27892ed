using System.Security.Cryptography;
using System.Text;
using DurableGateway.Runs;

namespace DurableGateway.Http;

/// <summary>A call of a service to another one, as the outcome of a step: what was called, and its response byte for byte.</summary>
internal sealed record RememberedCall
{
    public const string ContentType = "application/vnd.durable.call";

    /// <summary>The maximum size of a request body that is kept, to name what differs in another attempt.</summary>
    public const int MaxRequestBytes = 16 << 10;

    private const byte Version = 1;

    /// <summary>Route, method and target, without what does not count.</summary>
    public required string Target { get; init; }

    /// <summary>The number of the call among those of the run with the same target.</summary>
    public required int Number { get; init; }

    /// <summary>The number of the call among those that are alike, with the same target and digest.</summary>
    public required int Alike { get; init; }

    /// <summary>The digest of the request body, without what does not count.</summary>
    public required string Digest { get; init; }

    /// <summary>The request body; empty if it is larger than <see cref="MaxRequestBytes"/>.</summary>
    public required ReadOnlyMemory<byte> Request { get; init; }

    /// <summary>The address that was called.</summary>
    public required string Destination { get; init; }
    public required StoredResponse Response { get; init; }

    /// <summary>
    /// The name under which repetitions of a call are counted. It is not the id of the step, because a call that is made again may get
    /// another number. The store has it in clear, so it has little of the digest. Two calls with one name would only get new keys together.
    /// </summary>
    public static string RepetitionName(string target, string digest, int alike) =>
        $"~{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{target}\n{digest}\n{alike}")).AsSpan(0, 4))}";

    /// <summary>The same call with another response body. Headers that describe the former body are replaced.</summary>
    public RememberedCall WithBody(string contentType, ReadOnlyMemory<byte> body) => this with
    {
        Response = Response with
        {
            Headers =
            [
                .. Response.Headers.Where(line => !line.Name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase)
                    && !line.Name.Equals("ETag", StringComparison.OrdinalIgnoreCase)),
                new HeaderLine("Content-Type", contentType),
            ],
            Body = body,
        },
    };

    public byte[] ToBytes()
    {
        using var bytes = new MemoryStream(Response.Body.Length + 512);
        using (var writer = new BinaryWriter(bytes, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Version);
            writer.Write(Target);
            writer.Write7BitEncodedInt(Number);
            writer.Write7BitEncodedInt(Alike);
            writer.Write(Digest);
            Write(writer, Request.Length <= MaxRequestBytes ? Request : default);
            writer.Write(Destination);
            writer.Write7BitEncodedInt(Response.Status);
            Write(writer, Response.Headers);
            Write(writer, Response.Trailers ?? []);
            Write(writer, Response.Body);
        }

        return bytes.ToArray();
    }

    /// <returns><see langword="null"/> if these are not the bytes of a call, or those of a later release.</returns>
    public static RememberedCall? Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using var reader = new BinaryReader(new MemoryStream(bytes.ToArray(), writable: false), Encoding.UTF8);
            if (reader.ReadByte() != Version) return null;
            return new RememberedCall
            {
                Target = reader.ReadString(),
                Number = reader.Read7BitEncodedInt(),
                Alike = reader.Read7BitEncodedInt(),
                Digest = reader.ReadString(),
                Request = ReadBytes(reader),
                Destination = reader.ReadString(),
                Response = ReadResponse(reader),
            };
        }
        catch (Exception e) when (e is IOException or FormatException or ArgumentException)
        {
            return null;
        }
    }

    private static StoredResponse ReadResponse(BinaryReader reader)
    {
        var status = reader.Read7BitEncodedInt();
        var (headers, trailers) = (ReadLines(reader), ReadLines(reader));
        return new StoredResponse(status, headers, ReadBytes(reader), trailers);
    }

    private static void Write(BinaryWriter writer, ReadOnlyMemory<byte> bytes)
    {
        writer.Write7BitEncodedInt(bytes.Length);
        writer.Write(bytes.Span);
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

    private static byte[] ReadBytes(BinaryReader reader)
    {
        var length = reader.Read7BitEncodedInt();
        var bytes = reader.ReadBytes(length);
        return bytes.Length == length ? bytes : throw new EndOfStreamException();
    }

    private static List<HeaderLine> ReadLines(BinaryReader reader)
    {
        var count = reader.Read7BitEncodedInt();
        var lines = new List<HeaderLine>();
        for (var i = 0; i < count; i++) lines.Add(new HeaderLine(reader.ReadString(), reader.ReadString()));
        return lines;
    }
}
