using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace DurableGateway.Runs;

/// <summary>
/// What a step waits for and what an event is about (§6): a type, and a key where only one subject is meant. All topics of a type are
/// in the type's shard, so that an event finds those who wait for any subject, and those who wait for its own, in one call.
/// </summary>
internal sealed record Topic(string Type, string? Key)
{
    /// <summary>The name of the topic in the store: a type may contain anything, and be long.</summary>
    public string Name => Key is null ? Hash("any", Type) : Hash("one", Type, Key);

    public int Shard(int shards) =>
        (int)(BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(Type))) % (uint)shards);

    /// <summary>A name of fixed length for some texts, different for different ones.</summary>
    public static string Hash(params ReadOnlySpan<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        return Base64Url.EncodeToString(hash.GetHashAndReset());
    }
}
