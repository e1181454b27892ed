using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Transforms;

namespace DurableGateway.Benchmarks;

/// <summary>
/// YARP with nothing of ours, but as transparent as the gateway: the target and the host as they were written, bytes beyond ASCII
/// as they are, no limit on bodies and rates, X-Forwarded set, no Server header. YARP by its defaults does less for each request,
/// and changes more of it.
/// </summary>
internal static class PlainProxy
{
    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public static async Task RunAsync(int port, string upstream)
    {
        // The settings of logging are those of the gateway: its appsettings.json lies beside this program.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
            kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        builder.Services.AddReverseProxy().LoadFromMemory(
            [new RouteConfig { RouteId = "all", ClusterId = "service", Match = new RouteMatch { Path = "{**rest}" } }],
            [new ClusterConfig { ClusterId = "service",
                Destinations = new Dictionary<string, DestinationConfig> { ["one"] = new() { Address = upstream } } }])
            .AddTransforms(transforms =>
            {
                transforms.AddOriginalHost();
                transforms.AddRequestTransform(static request =>
                {
                    var target = request.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
                    request.ProxyRequest.RequestUri = new Uri(request.DestinationPrefix.TrimEnd('/') + target, AsWritten);
                    return default;
                });
            })
            .ConfigureHttpClient(static (_, handler) =>
            {
                handler.RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1;
                handler.ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1;
            });
        var app = builder.Build();
        app.MapReverseProxy();
        await app.RunAsync();
    }
}
