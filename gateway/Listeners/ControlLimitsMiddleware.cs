using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace DurableGateway.Listeners;

/// <summary>Removes the server's limits for services. They apply to clients; a service is limited by its policy only.</summary>
internal sealed class ControlLimitsMiddleware(RequestDelegate next)
{
    public Task InvokeAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = null;
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } upload) upload.MinDataRate = null;
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } download) download.MinDataRate = null;
        return next(context);
    }
}
