using System.Security.Claims;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Listeners;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace DurableGateway.Admin;

/// <summary>
/// Reads tokens of the provider of <c>Durable:Admin:Oidc</c> (JWT, RFC 7519): signed with one of its published keys, of its issuer, for
/// this audience, and not over. ASP.NET Core's own authentication is left out of it:
/// that would look at requests of the public listener, too.
/// </summary>
internal sealed class OidcTokenValidator : IDisposable
{
    public const string OperatorRole = "durable-operator";
    public const string ReaderRole = "durable-reader";

    private const int MaxNameChars = 80;
    private static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    /// <summary>How long the provider may take for one document, and how long it is left alone when it had none.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };
    private readonly HttpClient _http = new() { Timeout = Patience, MaxResponseContentBufferSize = 1 << 20 };
    private readonly ConfigurationManager<OpenIdConnectConfiguration>? _provider;
    private readonly TokenValidationParameters? _expected;
    private readonly string _roleClaim = "";
    private readonly TimeProvider _time;
    private readonly ILogger<OidcTokenValidator> _log;
    private readonly Lock _turn = new();

    /// <summary>Whether its keys are known; the one question that all who come meanwhile wait for.</summary>
    private Task<bool>? _asked;
    private long _answered;

    public OidcTokenValidator(GatewaySettings settings, TimeProvider time, ILogger<OidcTokenValidator> log)
    {
        (_time, _log) = (time, log);
        if (settings.AdminOidc is not { } oidc) return;
        _roleClaim = oidc.RoleClaim;
        _provider = new ConfigurationManager<OpenIdConnectConfiguration>(
            oidc.Authority + "/.well-known/openid-configuration", new OpenIdConnectConfigurationRetriever(),
            new HttpDocumentRetriever(_http) { RequireHttps = oidc.Authority.StartsWith("https:", StringComparison.Ordinal) });
        _expected = new TokenValidationParameters
        {
            ConfigurationManager = _provider,
            ValidAudience = oidc.Audience,
            ValidAlgorithms = Algorithms,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ClockSkew = TimeSpan.FromSeconds(30),
        };
    }

    /// <returns>The role that the token gives, and how histories name its bearer; <see langword="null"/> where it is no good,
    /// or gives none.</returns>
    public async ValueTask<AdminCaller?> ReadAsync(string token)
    {
        if (_expected is null || token.Count(c => c == '.') != 2 || !await HasKeysAsync()) return null;
        var result = await _handler.ValidateTokenAsync(token, _expected);
        if (!result.IsValid) return null;

        // Names of members are told apart by case (RFC 7519 §4), which those of claims are not.
        var roles = result.ClaimsIdentity.Claims.Where(claim => claim.Type == _roleClaim).Select(claim => claim.Value).ToArray();
        var role = roles.Contains(OperatorRole) ? AdminRole.Operator : roles.Contains(ReaderRole) ? AdminRole.Reader : AdminRole.None;
        return role == AdminRole.None ? null : new AdminCaller(role, $"token {Name(result.ClaimsIdentity)}");
    }

    public void Dispose() => _http.Dispose();

    /// <summary>
    /// Anybody may send what looks like a token, and the library has each wait in a queue, and ask the provider anew, until the first
    /// answer is there. So it is asked once for all of them, and not at once again.
    /// </summary>
    private Task<bool> HasKeysAsync()
    {
        lock (_turn)
        {
            var isToAsk = _asked is null or { IsFaulted: true }
                || (_asked.IsCompletedSuccessfully && !_asked.Result && _time.GetElapsedTime(_answered) >= Patience);
            return isToAsk ? _asked = AskAsync() : _asked!;
        }
    }

    private async Task<bool> AskAsync()
    {
        try
        {
            await _provider!.GetConfigurationAsync(CancellationToken.None);
            return true;
        }
        catch (InvalidOperationException e)
        {
            _answered = _time.GetTimestamp();
            _log.OidcAway(e.Message);
            return false;
        }
    }

    private static string Name(ClaimsIdentity identity)
    {
        // What somebody prefers to be called may be what somebody else is.
        var (name, subject) = (identity.FindFirst("preferred_username")?.Value, identity.FindFirst("sub")?.Value ?? "unknown");
        return name is null || name == subject ? Short(subject) : $"{Short(name)} ({Short(subject)})";

        static string Short(string text) => text.Length > MaxNameChars ? text[..MaxNameChars] : text;
    }
}
