using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>
/// What the key of a run's request holds: a head, and the sealed request. The head has what is read without the request, and would make the
/// run's hash large: the policy and the trace parent in the clear, and the sealed label. Three bytes in front are its length.
/// </summary>
/// <param name="Policy">See <see cref="PolicyRecord"/>.</param>
/// <param name="TraceParent">The trace parent of the client's request; may be empty.</param>
/// <param name="Label">See <see cref="RecordCodec.EncodeLabel"/>.</param>
internal sealed record RequestRecord(byte[] Policy, string TraceParent, byte[] Label)
{
    private const int LengthBytes = 3;

    /// <summary>About how much to read for the head. Most heads are shorter.</summary>
    private const int UsualBytes = 512;

    /// <summary>The sealed request. Empty if only the head was read.</summary>
    public ReadOnlyMemory<byte> Request { get; private init; }

    public static byte[] Encode(RecordCodec codec, NewRun run)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(new byte[LengthBytes]);
        Write(writer, PolicyRecord.Encode(run.Policy));
        writer.Write(run.Request.TraceParent);
        Write(writer, codec.EncodeLabel(run.Id, run.Request));
        writer.Flush();
        var request = codec.Encode(run.Id, run.Request);
        var head = stream.GetBuffer().AsSpan(0, (int)stream.Length);
        var length = head.Length - LengthBytes;
        (head[0], head[1], head[2]) = ((byte)length, (byte)(length >> 8), (byte)(length >> 16));
        return [.. head, .. request];
    }

    /// <exception cref="UnreadableRecordException">It is missing or damaged.</exception>
    public static RequestRecord Decode(RunId run, byte[]? record)
    {
        if (record is null) throw new UnreadableRecordException($"The request of {run} is missing.");
        var end = End(record);
        try
        {
            using var reader = new BinaryReader(new MemoryStream(record, LengthBytes, end - LengthBytes));
            var policy = reader.ReadBytes(reader.Read7BitEncodedInt());
            var trace = reader.ReadString();
            return new RequestRecord(policy, trace, reader.ReadBytes(reader.Read7BitEncodedInt())) { Request = record.AsMemory(end) };
        }
        catch (Exception e) when (e is IOException or FormatException or ArgumentException)
        {
            throw new UnreadableRecordException($"The request of {run} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads the head.</summary>
    /// <param name="connection">The store.</param>
    /// <param name="run">The run.</param>
    /// <param name="caller">The name of the operation in traces.</param>
    /// <returns><see langword="null"/> if there is no request.</returns>
    /// <exception cref="UnreadableRecordException">It is damaged.</exception>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    public static async Task<RequestRecord?> ReadHeadAsync(
        StoreConnection connection, RunId run, [CallerMemberName] string caller = "")
    {
        var key = new StoreKeys(run, connection.Shards).Request;
        for (var bytes = UsualBytes; ;)
        {
            var read = bytes;
            var start = (byte[]?)await connection.ExecuteAsync(db => db.StringGetRangeAsync(key, 0, read - 1), caller);
            if (start is not { Length: > 0 }) return null;
            var end = End(start);
            if (end <= start.Length || start.Length < read) return Decode(run, start[..Math.Min(end, start.Length)]);
            bytes = end;
        }
    }

    private static int End(ReadOnlySpan<byte> record) => record.Length < LengthBytes
        ? int.MaxValue
        : LengthBytes + (BinaryPrimitives.ReadUInt16LittleEndian(record) | (record[2] << 16));

    private static void Write(BinaryWriter writer, byte[] bytes)
    {
        writer.Write7BitEncodedInt(bytes.Length);
        writer.Write(bytes);
    }
}
