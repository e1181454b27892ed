using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace DurableGateway.Runs;

/// <summary>
/// A request's idempotency key, as far as the store needs it: a hash of the key within its scope, and one of the request, so that the
/// same key with another request is noticed.
/// </summary>
internal sealed record IdempotencyMark(string KeyHash, string Fingerprint)
{
    /// <summary>A hash of what the same key must always come with.</summary>
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

    /// <summary>The shard that runs with this key are in.</summary>
    public static int ShardOf(string keyHash, int shards)
    {
        var bytes = Base64Url.DecodeFromChars(keyHash);
        return (int)(System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes) % (uint)shards);
    }

    public string Format(NewRun run) =>
        string.Create(CultureInfo.InvariantCulture, $"{run.Id}:{Fingerprint}:{(run.StartedAt + run.Policy.Lifetime).ToUnixTimeSeconds()}");
}
