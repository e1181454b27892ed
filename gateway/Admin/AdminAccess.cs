using System.Net;
using DurableGateway.Configuration;
using DurableGateway.Listeners;

namespace DurableGateway.Admin;

/// <summary>
/// Identifies the caller of a request at the control listener: by key, by client certificate, or by token of an OpenID provider. If none
/// of these is configured, the listener is on loopback, and every caller is an operator.
/// </summary>
internal sealed class AdminAccess(
    ApiKeyValidator keys, ClientCertificateValidator certificates, OidcTokenValidator tokens, GatewaySettings settings)
{
    private static readonly AdminCaller Neighbour = new(AdminRole.Operator, "loopback");

    /// <summary>Whether callers need credentials.</summary>
    public bool IsGuarded { get; } = settings.NamesOperators;

    /// <summary>
    /// Whether the host name of the request is accepted. Without credentials, only an IP address and localhost are: this protects the
    /// loopback listener against DNS rebinding.
    /// </summary>
    public bool IsOurName(HttpRequest request)
    {
        var host = request.Host.Host;
        return IsGuarded || host == "localhost" || host.EndsWith(".localhost", StringComparison.Ordinal)
            || IPAddress.TryParse(host.Trim('[', ']'), out _);
    }

    /// <summary>
    /// Whether the browser reports that a page of another site caused the request. Browsers send client certificates with such requests,
    /// and let them reach loopback. Other clients do not send the header.
    /// </summary>
    public static bool IsOfForeignPage(HttpRequest request) =>
        request.Headers["Sec-Fetch-Site"].ToString() is not ("" or "same-origin" or "none");

    /// <summary>Whether the request comes from a page of another site or uses a host name that is not accepted.</summary>
    public bool IsForeign(HttpRequest request) => IsOfForeignPage(request) || !IsOurName(request);

    /// <summary>Identifies a caller of the admin API.</summary>
    public async ValueTask<AdminCaller> IdentifyAsync(HttpContext context) =>
        Identify(context) ?? await tokens.ReadAsync(ApiKeyValidator.Given(context.Request)) ?? AdminCaller.Stranger;

    /// <summary>Identifies a caller of a page by the certificate of the connection, because a browser sends no bearer key.</summary>
    public AdminCaller? ByCertificate(HttpContext context) => IsGuarded ? certificates.Find(context.Connection.ClientCertificate) : null;

    /// <summary>
    /// Whether the caller is an operator or has a key of <c>Durable:Events:ApiKeys</c>. An operator's request must not come from another
    /// site.
    /// </summary>
    public bool MaySendEvents(HttpContext context) =>
        keys.IsSender(ApiKeyValidator.Given(context.Request))
        || !IsForeign(context.Request) && (IsGuarded || !keys.HaveSenders) && Identify(context)?.Role == AdminRole.Operator;

    private AdminCaller? Identify(HttpContext context) =>
        !IsGuarded ? Neighbour : keys.Find(ApiKeyValidator.Given(context.Request))
            ?? certificates.Find(context.Connection.ClientCertificate);
}
