using System.Diagnostics.CodeAnalysis;

namespace DurableGateway.Protocol;

/// <summary>The id of a run: a UUID of version 7 (RFC 9562) in lower case. Ids sort by the start time of their runs.</summary>
internal readonly record struct RunId(Guid Value)
{
    public static RunId New(DateTimeOffset now)
    {
        Span<byte> bytes = stackalloc byte[16];
        Write(bytes, now);
        return new RunId(new Guid(bytes, bigEndian: true));
    }

    /// <summary>Creates an id for a run in the given shard.</summary>
    public static RunId New(DateTimeOffset now, int shard, int shards)
    {
        Span<byte> bytes = stackalloc byte[16];
        Write(bytes, now);
        var random = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]) & 0x7FFF_FFFF;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes[12..], random - (random % (uint)shards) + (uint)shard);
        return new RunId(new Guid(bytes, bigEndian: true));
    }

    /// <summary>The id of the run that a step of another run invokes. It is the same for every call.</summary>
    /// <param name="parent">The other run.</param>
    /// <param name="step">The step.</param>
    /// <param name="repetition">How often an operator has made the step execute again.</param>
    public static RunId Derive(RunId parent, string step, int repetition = 0)
    {
        Span<byte> source = stackalloc byte[16];
        parent.Value.TryWriteBytes(source, bigEndian: true, out _);
        Span<byte> hash = stackalloc byte[32];
        ReadOnlySpan<byte> name = [.. source, .. System.Text.Encoding.UTF8.GetBytes(step)];

        // A byte that cannot occur in UTF-8 separates the step's name from the repetition.
        if (repetition > 0)
            name = [
                .. name, 0xFF, .. System.Text.Encoding.UTF8.GetBytes(repetition.ToString(System.Globalization.CultureInfo.InvariantCulture))
            ];
        System.Security.Cryptography.SHA256.HashData(name, hash);

        // The time is the parent's, so that the id is a valid UUID of version 7.
        var id = hash[..16];
        source[..6].CopyTo(id);
        id[6] = (byte)(0x70 | (id[6] & 0x0F));
        id[8] = (byte)(0x80 | (id[8] & 0x3F));
        return new RunId(new Guid(id, bigEndian: true));
    }

    public static bool TryParse([NotNullWhen(true)] string? text, out RunId id)
    {
        // An id has one spelling. Guid.TryParseExact also accepts upper case, but that would be another path to the same resource.
        var ok = Guid.TryParseExact(text, "D", out var value) && value.ToString() == text;
        id = new RunId(value);
        return ok;
    }

    /// <summary>The shard of the run, from the random part of the id. So runs that start together are spread over the shards.</summary>
    public int Shard(int shards)
    {
        Span<byte> bytes = stackalloc byte[16];
        Value.TryWriteBytes(bytes, bigEndian: true, out _);
        return (int)(System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]) % (uint)shards);
    }

    public override string ToString() => Value.ToString();

    /// <summary>Milliseconds since 1970 in six bytes, and chance in the rest but for version and variant (RFC 9562, 5.7).</summary>
    private static void Write(Span<byte> bytes, DateTimeOffset now)
    {
        // Six bytes hold the number for eight thousand years.
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(bytes, now.ToUnixTimeMilliseconds() << 16);
        RandomBytes.Fill(bytes[6..]);
        bytes[6] = (byte)(0x70 | (bytes[6] & 0x0F));
        bytes[8] = (byte)(0x80 | (bytes[8] & 0x3F));
    }
}
