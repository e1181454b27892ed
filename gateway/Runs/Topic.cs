using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace DurableGateway.Runs;

/// <summary>
/// A topic, for which steps wait and to which events belong (§6): a type, with an optional key for one subject. All topics of a type are in
/// the type's shard, so that one call finds the steps that wait for any key and those that wait for the event's key.
/// </summary>
internal sealed record Topic(string Type, string? Key)
{
    /// <summary>The name of the topic in the store. It is a hash, because a type can be long and contain any character.</summary>
    public string Name => Key is null ? Hash("any", Type) : Hash("one", Type, Key);

    public int Shard(int shards) =>
        (int)(BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(Type))) % (uint)shards);

    /// <summary>A name of fixed length for the given texts. Different texts have different names.</summary>
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
