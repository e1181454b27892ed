using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace DurableGateway.Protocol;

/// <summary>
/// The gateway's keys (<c>Durable:Keys</c>). Each has 32 bytes, and the gateway derives one key for each purpose from it (HKDF, RFC 5869).
/// The gateway writes with the first key and reads with all keys.
/// </summary>
internal sealed class KeyRing
{
    public const int KeyBytes = 32;
    public const int MacBytes = 16;

    private const int KeyIdBytes = 4;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private ImmutableArray<Key> _keys = [];

    /// <summary>Whether the keys are loaded. Generated keys are in the store, and are loaded after its first answer.</summary>
    public bool IsReady => !_keys.IsEmpty;

    public void Load(IEnumerable<byte[]> keys) => _keys = [.. keys.Select(Key.Derive)];

    /// <summary>A message authentication code over <paramref name="message"/> for one purpose.</summary>
    public byte[] Mac(string purpose, ReadOnlySpan<byte> message)
    {
        var mac = new byte[MacBytes];
        Mac(purpose, message, mac);
        return mac;
    }

    /// <summary>The same, into <see cref="MacBytes"/> bytes of the caller's.</summary>
    public void Mac(string purpose, ReadOnlySpan<byte> message, Span<byte> mac) => _keys[0].Mac(purpose, message, mac);

    /// <summary>Verifies a code with all keys, in constant time.</summary>
    public bool Verify(string purpose, ReadOnlySpan<byte> message, ReadOnlySpan<byte> mac)
    {
        var valid = false;
        Span<byte> expected = stackalloc byte[MacBytes];
        foreach (var key in _keys)
        {
            key.Mac(purpose, message, expected);
            valid |= CryptographicOperations.FixedTimeEquals(expected, mac);
        }

        return valid;
    }

    /// <summary>Encrypts with AES-256-GCM. The record is key id, nonce, tag and cipher text. The context is also authenticated.</summary>
    public byte[] Seal(ReadOnlySpan<byte> plain, string context)
    {
        var key = _keys[0];
        var record = new byte[KeyIdBytes + NonceBytes + TagBytes + plain.Length];
        key.Id.CopyTo(record, 0);
        var nonce = record.AsSpan(KeyIdBytes, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key.Sealing, TagBytes);
        aes.Encrypt(nonce, plain, record.AsSpan(KeyIdBytes + NonceBytes + TagBytes), record.AsSpan(KeyIdBytes + NonceBytes, TagBytes),
            Encoding.UTF8.GetBytes(context));
        return record;
    }

    /// <exception cref="CryptographicException">The record is corrupt, or of another context.</exception>
    /// <exception cref="KeyMissingException">Its key is not configured.</exception>
    public byte[] Open(ReadOnlySpan<byte> record, string context)
    {
        if (record.Length < KeyIdBytes + NonceBytes + TagBytes) throw new CryptographicException("The record is too short.");
        foreach (var key in _keys)
        {
            if (!record[..KeyIdBytes].SequenceEqual(key.Id)) continue;
            var plain = new byte[record.Length - KeyIdBytes - NonceBytes - TagBytes];
            using var aes = new AesGcm(key.Sealing, TagBytes);
            aes.Decrypt(record.Slice(KeyIdBytes, NonceBytes), record[(KeyIdBytes + NonceBytes + TagBytes)..],
                record.Slice(KeyIdBytes + NonceBytes, TagBytes), plain, Encoding.UTF8.GetBytes(context));
            return plain;
        }

        throw new KeyMissingException(
            $"The record is sealed with key {Convert.ToHexStringLower(record[..KeyIdBytes])}, which is not in Durable:Keys.");
    }

    private sealed record Key(byte[] Id, byte[] Signing, byte[] Sealing)
    {
        private const int MaxOnStack = 256;

        /// <summary>
        /// A keyed hash that nobody uses now. To make and key one takes three times as long as to use it. Who finds none makes another,
        /// of which one is kept.
        /// </summary>
        private IncrementalHash? _idle;

        public void Mac(string purpose, ReadOnlySpan<byte> message, Span<byte> mac)
        {
            var length = Encoding.UTF8.GetMaxByteCount(purpose.Length) + 1;
            var text = length <= MaxOnStack ? stackalloc byte[MaxOnStack] : new byte[length];
            var written = Encoding.UTF8.GetBytes(purpose, text);
            text[written] = 0;
            Span<byte> whole = stackalloc byte[HMACSHA256.HashSizeInBytes];
            var hmac = Interlocked.Exchange(ref _idle, null) ?? IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Signing);
            hmac.AppendData(text[..(written + 1)]);
            hmac.AppendData(message);
            hmac.GetHashAndReset(whole);
            Interlocked.Exchange(ref _idle, hmac)?.Dispose();
            whole[..MacBytes].CopyTo(mac);
        }

        public static Key Derive(byte[] secret) => new(
            HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, KeyIdBytes, info: "durable-gateway key id"u8.ToArray()),
            HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, KeyBytes, info: "durable-gateway tokens"u8.ToArray()),
            HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, KeyBytes, info: "durable-gateway records"u8.ToArray()));
    }
}
