using System.Security.Cryptography;
using System.Text;
using DurableGateway.Configuration;
using DurableGateway.Listeners;

namespace DurableGateway.Admin;

/// <summary>
/// The bearer keys of <c>Durable:Admin:ApiKeys</c>, <c>Durable:Admin:ReadOnlyApiKeys</c> and <c>Durable:Events:ApiKeys</c>.
/// </summary>
internal sealed class ApiKeyValidator(GatewaySettings settings)
{
    private const string Scheme = "Bearer ";
    private const int NameChars = 8;

    private readonly byte[][] _operators = Hashes(settings.AdminApiKeys);
    private readonly byte[][] _readers = Hashes(settings.ReadOnlyApiKeys);
    private readonly byte[][] _senders = Hashes(settings.EventApiKeys);

    /// <summary>Whether <c>Durable:Events:ApiKeys</c> has keys.</summary>
    public bool HaveSenders => _senders.Length > 0;

    /// <summary>The bearer key or token of the request; empty if there is none.</summary>
    public static string Given(HttpRequest request) =>
        request.Headers.Authorization.ToString() is var given && given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? given[Scheme.Length..].Trim()
            : "";

    /// <summary>The role of a key, and the name that stands for the key in histories: the beginning of its hash.</summary>
    public AdminCaller? Find(string key)
    {
        var hash = Hash(key);
        var (operates, reads) = (IsAmong(_operators, hash), IsAmong(_readers, hash));
        return operates || reads ? new AdminCaller(operates ? AdminRole.Operator : AdminRole.Reader, Name(hash)) : null;
    }

    /// <summary>The role of the key with the name; <see cref="AdminRole.None"/> if the key is no longer configured.</summary>
    public AdminRole RoleOfName(string name) => _operators.Any(hash => Name(hash) == name) ? AdminRole.Operator
        : _readers.Any(hash => Name(hash) == name) ? AdminRole.Reader
        : AdminRole.None;

    public bool IsSender(string key) => IsAmong(_senders, Hash(key));

    /// <summary>Compares with all keys, so that the time does not reveal which one matches.</summary>
    private static bool IsAmong(byte[][] known, byte[] hash)
    {
        var found = false;
        foreach (var one in known) found |= CryptographicOperations.FixedTimeEquals(hash, one);
        return found;
    }

    /// <summary>Hashes have the same length, so that the comparison does not reveal the length of a key.</summary>
    private static byte[][] Hashes(IEnumerable<string> keys) => [.. keys.Select(Hash)];

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    private static string Name(byte[] hash) => Convert.ToHexStringLower(hash)[..NameChars];
}
