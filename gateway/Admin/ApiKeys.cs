using System.Security.Cryptography;
using System.Text;
using DurableGateway.Configuration;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Admin;

/// <summary>What who comes to the control listener may do there.</summary>
internal enum AdminRole
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>See runs, and change nothing: <c>Durable:Admin:ReadOnlyApiKeys</c>.</summary>
    Reader,

    /// <summary>See and act: <c>Durable:Admin:ApiKeys</c>.</summary>
    Operator,
}

/// <summary>
/// The bearer keys of <c>Durable:Admin:ApiKeys</c>, <c>Durable:Admin:ReadOnlyApiKeys</c> and <c>Durable:Events:ApiKeys</c>. Without any of
/// the first two the control listener is on loopback, and whoever reaches it may use it.
/// </summary>
internal sealed class ApiKeys(GatewaySettings settings)
{
    private const string Scheme = "Bearer ";
    private const int NameChars = 8;

    private readonly byte[][] _operators = Hashes(settings.AdminApiKeys);
    private readonly byte[][] _readers = Hashes(settings.ReadOnlyApiKeys);
    private readonly byte[][] _senders = Hashes(settings.EventApiKeys);

    public bool AreRequired => _operators.Length + _readers.Length > 0;

    /// <summary>For the history of runs: which key, without telling it.</summary>
    public string NameOf(HttpRequest request) => AreRequired ? NameOf(Given(request)) ?? "unknown" : "loopback";

    public AdminRole RoleOf(HttpRequest request) => AreRequired ? RoleOf(Hash(Given(request))) : AdminRole.Operator;

    /// <summary>Operators may send events, and so may who has a key for that and for nothing else.</summary>
    public bool MaySendEvents(HttpRequest request)
    {
        if (_senders.Length > 0 && IsAmong(_senders, Hash(Given(request)))) return true;
        return AreRequired ? RoleOf(request) == AdminRole.Operator : _senders.Length == 0;
    }

    /// <summary>What a key is called where it must not be shown: the beginning of its hash. <see langword="null"/> where it is none of an operator or reader.</summary>
    public string? NameOf(string key)
    {
        var hash = Hash(key);
        return RoleOf(hash) == AdminRole.None ? null : Name(hash);
    }

    /// <summary>The role of a key of that name, where it is still configured.</summary>
    public AdminRole RoleOfName(string name) => _operators.Any(hash => Name(hash) == name) ? AdminRole.Operator
        : _readers.Any(hash => Name(hash) == name) ? AdminRole.Reader
        : AdminRole.None;

    private AdminRole RoleOf(byte[] hash)
    {
        var (operates, reads) = (IsAmong(_operators, hash), IsAmong(_readers, hash));
        return operates ? AdminRole.Operator : reads ? AdminRole.Reader : AdminRole.None;
    }

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

    private static string Given(HttpRequest request) => request.Headers.Authorization.ToString() is var given && given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
        ? given[Scheme.Length..].Trim()
        : "";
}
