using System.Security.Cryptography;
using System.Text;
using DurableGateway.Configuration;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Admin;

/// <summary>The bearer keys of <c>Durable:Admin:ApiKeys</c>. Without any the control listener is on loopback, and whoever reaches it may use it.</summary>
internal sealed class ApiKeys(GatewaySettings settings)
{
    private const string Scheme = "Bearer ";

    // Hashes are of one length, so that the comparison tells nothing of a key, not even how long it is.
    private readonly byte[][] _hashes = [.. settings.AdminApiKeys.Select(key => SHA256.HashData(Encoding.UTF8.GetBytes(key)))];

    public bool Allow(HttpRequest request)
    {
        if (_hashes.Length == 0) return true;
        var given = request.Headers.Authorization.ToString();
        if (!given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return false;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(given[Scheme.Length..].Trim()));
        var allowed = false;
        foreach (var known in _hashes) allowed |= CryptographicOperations.FixedTimeEquals(hash, known);
        return allowed;
    }
}
