using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using DurableGateway.Admin;
using DurableGateway.Tests.Support;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace DurableGateway.Tests.Admin;

/// <summary>Tokens of an OpenID provider open the admin API, by the role that they have, and nothing else.</summary>
public sealed class OidcTests : IAsyncLifetime
{
    private const string Audience = "durable-gateway";
    private const string Key = "operator-key-of-the-tests";

    private readonly RSA _rsa = RSA.Create(2048);
    private readonly RSA _foreign = RSA.Create(2048);
    private TestService _provider = null!;
    private GatewayHost _gateway = null!;

    public async ValueTask InitializeAsync()
    {
        _provider = await TestService.StartAsync((context, _) =>
        {
            var key = JsonWebKeyConverter.ConvertFromRSASecurityKey(new RsaSecurityKey(_rsa.ExportParameters(false)) { KeyId = "1" });
            var self = $"http://{context.Request.Host}";
            return context.Response.WriteAsJsonAsync<object>(context.Request.Path == "/keys"
                ? new { keys = new[] { new { kty = "RSA", use = "sig", kid = "1", n = key.N, e = key.E } } }
                : new { issuer = self, jwks_uri = self + "/keys" });
        });
        _gateway = await GatewayHost.StartAsync("http://127.0.0.1:1", $"Durable:Admin:Oidc:Authority={_provider.Url}",
            $"Durable:Admin:Oidc:Audience={Audience}", $"Durable:Admin:ApiKeys:0={Key}");
    }

    public async ValueTask DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _provider.DisposeAsync();
        _rsa.Dispose();
        _foreign.Dispose();
    }

    [Fact]
    public async Task Role_OfTheToken_SaysWhatItsBearerMayDo()
    {
        var (reader, acting) = (Token(OidcTokenValidator.ReaderRole), Token("other", OidcTokenValidator.OperatorRole));
        Assert.Equal((200, 403), (await GetAsync(reader), await ActAsync(reader)));

        // There is no such run, and that is what the operator is told.
        Assert.Equal((200, 404), (await GetAsync(acting), await ActAsync(acting)));
        Assert.Equal((200, 401, 401), (await GetAsync(Key), await GetAsync(Token("other")), await GetAsync(Token())));
    }

    [Fact]
    public async Task Token_ThatIsNotForUs_OpensNothing()
    {
        string[] tokens =
        [
            Token(audience: "another", roles: OidcTokenValidator.OperatorRole),
            Token(issuer: "https://evil.example", roles: OidcTokenValidator.OperatorRole),
            Token(lifetime: -10, roles: OidcTokenValidator.OperatorRole),
            Token(rsa: _foreign, roles: OidcTokenValidator.OperatorRole), Unsigned(Token(roles: OidcTokenValidator.OperatorRole)),
            Token(roles: OidcTokenValidator.OperatorRole)[..^3] + "AAA", "a.b.c", "..", Symmetric(),
        ];
        foreach (var token in tokens) Assert.Equal((401, 401), (await GetAsync(token), await ActAsync(token)));
        using var events = new HttpRequestMessage(HttpMethod.Post, new Uri(_gateway.Control, "/_durable/v1/events"));
        events.Headers.Authorization = new("Bearer", Token(OidcTokenValidator.OperatorRole));
        using var answer = await _gateway.Client.SendAsync(events);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    /// <summary>Names of members differ by case, as who may write one and not the other relies on.</summary>
    [Fact]
    public async Task ClaimOfAnotherCase_IsAnotherClaim() =>
        Assert.Equal(401, await GetAsync(Token(claim: "Roles", roles: OidcTokenValidator.OperatorRole)));

    /// <summary>Nobody is taken for a key or a certificate because of what they prefer to be called.</summary>
    [Fact]
    public async Task History_NamesWhoseTokenItWas()
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayHost.StartAsync(
            service.Url, World.RetryMuchLater, $"Durable:Admin:Oidc:Authority={_provider.Url}", $"Durable:Admin:Oidc:Audience={Audience}");
        using var redirect = await gateway.Client.GetAsync(new Uri("/", UriKind.Relative));
        var run = redirect.Headers.GetValues("Durable-Run-Id").Single();
        var token = Token(roles: OidcTokenValidator.OperatorRole, name: "certificate root");
        Assert.Equal(200, await SendAsync(gateway, HttpMethod.Post, $"/_durable/v1/admin/runs/{run}/pause", token));
        using var call = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway.Control, $"/_durable/v1/admin/runs/{run}"));
        call.Headers.Authorization = new("Bearer", token);
        using var shown = await gateway.Client.SendAsync(call);
        Assert.Contains("pause by token certificate root (ann)", await shown.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    /// <summary>Anybody may send what looks like a token. A provider that does not answer is asked once for all of them.</summary>
    [Fact]
    public async Task ProviderThatIsAway_IsNotAskedByEachToken()
    {
        var (arrived, leave) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var provider = await TestService.StartAsync(async (context, _) =>
        {
            arrived.TrySetResult();
            await leave.Task;
            context.Response.StatusCode = 404;
        });
        await using var gateway = await GatewayHost.StartAsync(
            "http://127.0.0.1:1", $"Durable:Admin:Oidc:Authority={provider.Url}", $"Durable:Admin:Oidc:Audience={Audience}",
            $"Durable:Admin:ApiKeys:0={Key}");
        var strangers = Enumerable.Range(0, 8)
            .Select(_ => SendAsync(gateway, HttpMethod.Get, "/_durable/v1/admin/runs", Token())).ToArray();
        await arrived.Task.WaitAsync(World.Patience);
        Assert.Equal(200, await SendAsync(gateway, HttpMethod.Get, "/_durable/v1/admin/runs", Key));
        leave.SetResult();
        Assert.All(await Task.WhenAll(strangers), status => Assert.Equal(401, status));
        Assert.Equal(401, await SendAsync(gateway, HttpMethod.Get, "/_durable/v1/admin/runs", Token()));
        Assert.Single(provider.Seen);
    }

    private async Task<int> GetAsync(string token) => await SendAsync(HttpMethod.Get, "/_durable/v1/admin/runs", token);

    private async Task<int> ActAsync(string token) =>
        await SendAsync(HttpMethod.Post, $"/_durable/v1/admin/runs/{Make.RunId()}/pause", token);

    private Task<int> SendAsync(HttpMethod method, string path, string token) => SendAsync(_gateway, method, path, token);

    private static async Task<int> SendAsync(GatewayHost gateway, HttpMethod method, string path, string token)
    {
        using var call = new HttpRequestMessage(method, new Uri(gateway.Control, path));
        call.Headers.Authorization = new("Bearer", token);
        using var answer = await gateway.Client.SendAsync(call).WaitAsync(World.Patience);
        return (int)answer.StatusCode;
    }

    private string Token(params string[] roles) => Token(Audience, _provider.Url, 5, _rsa, roles: roles);

    private string Token(
        string? audience = null, string? issuer = null, int lifetime = 5, RSA? rsa = null, string claim = "roles",
        string name = "ann", params string[] roles)
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        return new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Audience = audience ?? Audience,
            Issuer = issuer ?? _provider.Url,
            NotBefore = now.AddHours(-1),
            IssuedAt = now.AddHours(-1),
            Expires = now.AddMinutes(lifetime),
            Claims = new Dictionary<string, object> { ["sub"] = "ann", ["preferred_username"] = name, [claim] = roles },
            SigningCredentials = new SigningCredentials(new RsaSecurityKey(rsa ?? _rsa) { KeyId = "1" }, SecurityAlgorithms.RsaSha256),
        });
    }

    private static string Unsigned(string token) =>
        Base64UrlEncoder.Encode(JsonSerializer.Serialize(new { alg = "none", typ = "JWT" })) + "." + token.Split('.')[1] + ".";

    /// <summary>Signed with the public key as if that were a shared secret.</summary>
    private string Symmetric() => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Audience = Audience,
        Issuer = _provider.Url,
        Expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(5),
        Claims = new Dictionary<string, object> { ["roles"] = new[] { OidcTokenValidator.OperatorRole } },
        SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(_rsa.ExportSubjectPublicKeyInfo()) { KeyId = "1" },
            SecurityAlgorithms.HmacSha256),
    });
}
