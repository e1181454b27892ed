using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DurableGateway.Protocol;

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

/// <summary>What an idempotency key stands for already.</summary>
/// <param name="Run">The run.</param>
/// <param name="Fingerprint">Of its request.</param>
/// <param name="End">When the last trace of the run is gone.</param>
internal sealed record TakenKey(RunId Run, string Fingerprint, DateTimeOffset End)
{
    /// <exception cref="FormatException">It is no such record.</exception>
    public static TakenKey Parse(string text) =>
        text.Split(':') is [var id, var fingerprint, var end] && RunId.TryParse(id, out var run)
        && long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            ? new TakenKey(run, fingerprint, DateTimeOffset.FromUnixTimeSeconds(seconds))
            : throw new FormatException("The record of an idempotency key cannot be read.");
}

/// <summary>A request's idempotency key stands for another run, which is to be answered in its place.</summary>
internal sealed class IdempotencyKeyTakenException(TakenKey taken) : Exception("The idempotency key stands for another run.")
{
    public TakenKey Taken { get; } = taken;
}
