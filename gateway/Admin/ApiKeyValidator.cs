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

    /// <summary>Whether there are keys for events and nothing else.</summary>
    public bool HaveSenders => _senders.Length > 0;

    /// <summary>What the request has as its bearer key or token; empty without one.</summary>
    public static string Given(HttpRequest request) =>
        request.Headers.Authorization.ToString() is var given && given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? given[Scheme.Length..].Trim()
            : "";

    /// <summary>The role of a key, and what it is called where it must not be shown: the beginning of its hash.</summary>
    public AdminCaller? Find(string key)
    {
        var hash = Hash(key);
        var (operates, reads) = (IsAmong(_operators, hash), IsAmong(_readers, hash));
        return operates || reads ? new AdminCaller(operates ? AdminRole.Operator : AdminRole.Reader, Name(hash)) : null;
    }

    /// <summary>The role of a key of that name, where it is still configured.</summary>
    public AdminRole RoleOfName(string name) => _operators.Any(hash => Name(hash) == name) ? AdminRole.Operator
        : _readers.Any(hash => Name(hash) == name) ? AdminRole.Reader
        : AdminRole.None;

    public bool IsSender(string key) => IsAmong(_senders, Hash(key));

    /// <summary>Looks at all of them, whichever it is.</summary>
    private static bool IsAmong(byte[][] known, byte[] hash)
    {
        var found = false;
        foreach (var one in known) found |= CryptographicOperations.FixedTimeEquals(hash, one);
        return found;
    }

    /// <summary>Hashes are of one length, so that the comparison tells nothing of a key, not even how long it is.</summary>
    private static byte[][] Hashes(IEnumerable<string> keys) => [.. keys.Select(Hash)];

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    private static string Name(byte[] hash) => Convert.ToHexStringLower(hash)[..NameChars];
}
