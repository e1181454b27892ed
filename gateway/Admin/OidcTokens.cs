using System.Security.Claims;
using DurableGateway.Configuration;
using DurableGateway.Telemetry;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace DurableGateway.Admin;

/// <summary>
/// Reads tokens of the provider of <c>Durable:Admin:Oidc</c> (JWT, RFC 7519): signed with one of its published keys, of its issuer, for this
/// audience, and not over. ASP.NET Core's own authentication is left out of it: that would look at requests of the public listener, too.
/// </summary>
internal sealed class OidcTokens(GatewaySettings settings, ILogger<OidcTokens> log)
{
    public const string OperatorRole = "durable-operator";
    public const string ReaderRole = "durable-reader";

    private const int LongestName = 80;
    private static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };
    private readonly TokenValidationParameters? _expected = settings.AdminOidc is not { } oidc ? null : new TokenValidationParameters
    {
        ConfigurationManager = new ConfigurationManager<OpenIdConnectConfiguration>(
            oidc.Authority + "/.well-known/openid-configuration", new OpenIdConnectConfigurationRetriever(),
            new HttpDocumentRetriever { RequireHttps = oidc.Authority.StartsWith("https:", StringComparison.Ordinal) }),
        ValidAudience = oidc.Audience,
        ValidAlgorithms = Algorithms,
        RequireSignedTokens = true,
        RequireExpirationTime = true,
        ClockSkew = TimeSpan.FromSeconds(30),
    };

    /// <returns>The role that the token gives, and how histories name its bearer; <see langword="null"/> where it is no good, or gives none.</returns>
    public async ValueTask<AdminCaller?> ReadAsync(string token)
    {
        if (_expected is null || token.Count(c => c == '.') != 2) return null;
        var result = await _handler.ValidateTokenAsync(token, _expected);
        if (!result.IsValid)
        {
            // Of a token that is no good it is its bearer's affair; of a provider that does not answer it is ours.
            if (result.Exception is InvalidOperationException or IOException or HttpRequestException) log.OidcAway(result.Exception.Message);
            return null;
        }

        var roles = result.ClaimsIdentity.FindAll(settings.AdminOidc!.RoleClaim).Select(claim => claim.Value).ToArray();
        var role = roles.Contains(OperatorRole) ? AdminRole.Operator : roles.Contains(ReaderRole) ? AdminRole.Reader : AdminRole.None;
        return role == AdminRole.None ? null : new AdminCaller(role, Name(result.ClaimsIdentity));
    }

    private static string Name(ClaimsIdentity identity)
    {
        var name = identity.FindFirst("preferred_username")?.Value ?? identity.FindFirst("sub")?.Value ?? "unknown";
        return name.Length > LongestName ? name[..LongestName] : name;
    }
}
