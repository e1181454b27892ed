using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace DurableGateway.Runs;

/// <summary>
/// The stored form of a request's idempotency key: a hash of the key within its scope, and a hash of the request, which detects the same
/// key with another request.
/// </summary>
internal sealed record IdempotencyMark(string KeyHash, string Fingerprint)
{
    /// <summary>A hash of the parts of the request that must be the same for the same key.</summary>
    public static string FingerprintOf(string method, string target, ReadOnlySpan<byte> body)
    {
        using var request = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        request.AppendData(Encoding.UTF8.GetBytes($"{method}\n{target}\n"));
        request.AppendData(body);
        return Base64Url.EncodeToString(request.GetHashAndReset());
    }

    /// <summary>A hash of the key within its scope.</summary>
    public static string HashOf(string route, string caller, string key) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{route.ToUpperInvariant()}\n{caller}\n{key}")));

    /// <summary>The shard of the runs with this key.</summary>
    public static int ShardOf(string keyHash, int shards)
    {
        var bytes = Base64Url.DecodeFromChars(keyHash);
        return (int)(System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes) % (uint)shards);
    }

    public string Format(NewRun run) =>
        string.Create(CultureInfo.InvariantCulture, $"{run.Id}:{Fingerprint}:{(run.StartedAt + run.Policy.Lifetime).ToUnixTimeSeconds()}");
}
