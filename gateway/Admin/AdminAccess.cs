using System.Net;
using DurableGateway.Configuration;
using DurableGateway.Listeners;

namespace DurableGateway.Admin;

/// <summary>
/// Says who a request at the control listener is from: by key, by client certificate, or by token of an OpenID provider. Where none of
/// these is configured the listener is on loopback, and whoever reaches it may use it.
/// </summary>
internal sealed class AdminAccess(
    ApiKeyValidator keys, ClientCertificateValidator certificates, OidcTokenValidator tokens, GatewaySettings settings)
{
    private static readonly AdminCaller Neighbour = new(AdminRole.Operator, "loopback");

    /// <summary>Whether callers have to say who they are.</summary>
    public bool IsGuarded { get; } = settings.NamesOperators;

    /// <summary>
    /// Without credentials the listener is on loopback, and the browser is what keeps other sites away. A site whose name is made to point
    /// to this machine would pass for ours, so then it has to be called by address or as localhost.
    /// </summary>
    public bool IsOurName(HttpRequest request)
    {
        var host = request.Host.Host;
        return IsGuarded || host == "localhost" || host.EndsWith(".localhost", StringComparison.Ordinal)
            || IPAddress.TryParse(host.Trim('[', ']'), out _);
    }

    /// <summary>
    /// Whether a browser says that a page of another site is behind the request: it sends a certificate with those, too, and to loopback
    /// what it likes. Callers that are no browsers do not say.
    /// </summary>
    public static bool IsOfForeignPage(HttpRequest request) =>
        request.Headers["Sec-Fetch-Site"].ToString() is not ("" or "same-origin" or "none");

    /// <summary>Either of them: nobody who has no key of their own is to be taken at the browser's word.</summary>
    public bool IsForeign(HttpRequest request) => IsOfForeignPage(request) || !IsOurName(request);

    /// <summary>For the admin API.</summary>
    public async ValueTask<AdminCaller> IdentifyAsync(HttpContext context) =>
        Identify(context) ?? await tokens.ReadAsync(ApiKeyValidator.Given(context.Request)) ?? AdminCaller.Stranger;

    /// <summary>For pages, where a browser has no header to show: who the connection's certificate names.</summary>
    public AdminCaller? ByCertificate(HttpContext context) => IsGuarded ? certificates.Find(context.Connection.ClientCertificate) : null;

    /// <summary>
    /// Operators may send events, and so may who has a key for that and for nothing else. Neither is a page of another site.
    /// </summary>
    public bool MaySendEvents(HttpContext context) =>
        keys.IsSender(ApiKeyValidator.Given(context.Request))
        || !IsForeign(context.Request) && (IsGuarded || !keys.HaveSenders) && Identify(context)?.Role == AdminRole.Operator;

    private AdminCaller? Identify(HttpContext context) =>
        !IsGuarded ? Neighbour : keys.Find(ApiKeyValidator.Given(context.Request))
            ?? certificates.Find(context.Connection.ClientCertificate);
}
