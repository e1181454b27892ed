using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace DurableGateway.Listeners;

/// <summary>The limits are for clients: services are bound by their policy's alone.</summary>
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
