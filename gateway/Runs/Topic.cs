using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using DurableGateway.Protocol;

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

/// <summary>An event as it is kept: what a step that waited for it gets.</summary>
/// <param name="Name">Its name in the store, from its <c>source</c> and <c>id</c>: the same event is taken in once.</param>
/// <param name="Topic">Its <c>type</c> and <c>subject</c>.</param>
/// <param name="ContentType">Of <paramref name="Data"/>.</param>
/// <param name="Data">The payload.</param>
internal sealed record StoredEvent(string Name, Topic Topic, string ContentType, ReadOnlyMemory<byte> Data)
{
    public static string NameOf(string source, string id) => Topic.Hash(source, id);
}

/// <summary>A step that waits.</summary>
internal readonly record struct Waiter(RunId Run, string Step)
{
    /// <summary>As it stands in the store.</summary>
    public override string ToString() => $"{Run} {Step}";

    public static bool TryParse(string text, out Waiter waiter)
    {
        waiter = default;
        var space = text.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0 || !RunId.TryParse(text[..space], out var run)) return false;
        waiter = new Waiter(run, text[(space + 1)..]);
        return true;
    }
}

/// <summary>What a step can wait for; the letters are those of the store.</summary>
internal enum WaitKind
{
    Event = 'e',
    Callback = 'c',
    Invocation = 'i',
}

internal static class WaitKinds
{
    /// <summary>The <c>Durable-Step-Type</c> of the contract (§3).</summary>
    public static string Name(this WaitKind kind) => kind switch
    {
        WaitKind.Event => "wait",
        WaitKind.Callback => "callback",
        _ => "invoke",
    };
}
