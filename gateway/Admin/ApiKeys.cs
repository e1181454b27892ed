using System.Security.Cryptography;
using System.Text;
using DurableGateway.Configuration;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Admin;

/// <summary>The bearer keys of <c>Durable:Admin:ApiKeys</c>. Without any the control listener is on loopback, and whoever reaches it may use it.</summary>
internal sealed class ApiKeys(GatewaySettings settings)
{
    private const string Scheme = "Bearer ";
    private const int NameChars = 8;

    // Hashes are of one length, so that the comparison tells nothing of a key, not even how long it is.
    private readonly byte[][] _hashes = [.. settings.AdminApiKeys.Select(key => SHA256.HashData(Encoding.UTF8.GetBytes(key)))];

    public bool AreRequired => _hashes.Length > 0;

    /// <summary>For the history of runs: which key, without telling it.</summary>
    public string NameOf(HttpRequest request) => AreRequired ? NameOf(Given(request)) ?? "unknown" : "loopback";

    public bool Allow(HttpRequest request)
    {
        if (!AreRequired) return true;
        var given = request.Headers.Authorization.ToString();
        return given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && NameOf(Given(request)) is not null;
    }

    /// <summary>What a key is called where it must not be shown: the beginning of its hash. <see langword="null"/> where it is none of ours.</summary>
    public string? NameOf(string key)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        var allowed = false;
        foreach (var known in _hashes) allowed |= CryptographicOperations.FixedTimeEquals(hash, known);
        return allowed ? Name(hash) : null;
    }

    /// <summary>Whether a key of that name is still configured.</summary>
    public bool HasName(string name) => _hashes.Any(hash => Name(hash) == name);

    private static string Name(byte[] hash) => Convert.ToHexStringLower(hash)[..NameChars];

    private static string Given(HttpRequest request) => request.Headers.Authorization.ToString() is var given && given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
        ? given[Scheme.Length..].Trim()
        : "";
}
