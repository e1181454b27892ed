using DurableGateway.Http;
using DurableGateway.Listeners;
using DurableGateway.Protocol;

namespace DurableGateway.Admin;

/// <summary>
/// With <c>Durable:Admin:ClientCertificates:Required</c>, the control listener requires a certificate. Probes have none, so the check is
/// per request and not in the TLS handshake.
/// </summary>
internal sealed class ClientCertificateMiddleware(RequestDelegate next, ClientCertificateValidator certificates)
{
    public Task InvokeAsync(HttpContext context) =>
        !certificates.AreRequired || context.Connection.ClientCertificate is not null
            || Health.IsProbe(context.Request.Path) ? next(context)
        : context.Response.WriteProblemAsync(Problems.CertificateRequired());
}
