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
/// Validates tokens of the provider of <c>Durable:Admin:Oidc</c> (JWT, RFC 7519): signature, issuer, audience and expiration. It does not
/// use ASP.NET Core's authentication, which would also process requests of the public listener.
/// </summary>
internal sealed class OidcTokenValidator : IDisposable
{
    public const string OperatorRole = "durable-operator";
    public const string ReaderRole = "durable-reader";

    private const int MaxNameChars = 80;
    private static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    /// <summary>The timeout of a request to the provider, and the pause after a failed one.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };
    private readonly HttpClient _http = new() { Timeout = Patience, MaxResponseContentBufferSize = 1 << 20 };
    private readonly ConfigurationManager<OpenIdConnectConfiguration>? _provider;
    private readonly TokenValidationParameters? _expected;
    private readonly string _roleClaim = "";
    private readonly TimeProvider _time;
    private readonly ILogger<OidcTokenValidator> _log;
    private readonly Lock _turn = new();

    /// <summary>The shared request for the provider's keys; its result is whether they are known.</summary>
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

    /// <returns>The role and the name in histories; <see langword="null"/> if the token is invalid or grants no role.</returns>
    public async ValueTask<AdminCaller?> ReadAsync(string token)
    {
        if (_expected is null || token.Count(c => c == '.') != 2 || !await HasKeysAsync()) return null;
        var result = await _handler.ValidateTokenAsync(token, _expected);
        if (!result.IsValid) return null;

        // Member names are case-sensitive (RFC 7519 §4), but ClaimsIdentity compares claim types case-insensitively.
        var roles = result.ClaimsIdentity.Claims.Where(claim => claim.Type == _roleClaim).Select(claim => claim.Value).ToArray();
        var role = roles.Contains(OperatorRole) ? AdminRole.Operator : roles.Contains(ReaderRole) ? AdminRole.Reader : AdminRole.None;
        return role == AdminRole.None ? null : new AdminCaller(role, $"token {Name(result.ClaimsIdentity)}");
    }

    public void Dispose() => _http.Dispose();

    /// <summary>
    /// Until the keys are known, the library queues each token and requests the keys for each again. Anybody can send something like a
    /// token, so all callers share one request, and a failed request is repeated only after a pause.
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
        // A preferred name is not unique, so the subject is added.
        var (name, subject) = (identity.FindFirst("preferred_username")?.Value, identity.FindFirst("sub")?.Value ?? "unknown");
        return name is null || name == subject ? Short(subject) : $"{Short(name)} ({Short(subject)})";

        static string Short(string text) => text.Length > MaxNameChars ? text[..MaxNameChars] : text;
    }
}
