using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>What tests of the egress listener as a forward proxy share.</summary>
internal static class Forwarding
{
    /// <summary>A host that has no address, so only the gateway can know where it is.</summary>
    public const string Host = "payments.test";

    public const string Any = "Durable:Egress:Forward=Any";

    /// <summary>A route for the host, to the service that <see cref="Checkout"/> starts.</summary>
    public static readonly string[] Route =
    [
        "ReverseProxy:Routes:forward:ClusterId=payments",
        $"ReverseProxy:Routes:forward:Match:Hosts:0={Host}",
        "ReverseProxy:Routes:forward:Metadata:Durable.Step=Remember",
    ];

    /// <summary>A route to whatever loopback address a request names.</summary>
    public static readonly string[] RequestedHost =
    [
        "ReverseProxy:Routes:asked:ClusterId=asked",
        "ReverseProxy:Routes:asked:Match:Hosts:0=127.0.0.1",
        "ReverseProxy:Routes:asked:Match:Hosts:1=localhost",
        "ReverseProxy:Routes:asked:Metadata:Durable.Step=Remember",
        "ReverseProxy:Clusters:asked:Destinations:one:Address=http://*",
    ];

    /// <summary>A client that is configured as by <c>HTTP_PROXY</c>, and sends no headers of its own.</summary>
    public static HttpClient ClientOf(GatewayHost gateway) => new(new SocketsHttpHandler
    {
        Proxy = new WebProxy(gateway.Egress),
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        UseCookies = false,
    });

    /// <summary>Makes a call with what one carrier hands on.</summary>
    public static async Task<HttpResponseMessage> CallAsync(
        GatewayHost gateway, HttpContext context, string url, string body, string carrier = Checkout.TraceState)
    {
        using var client = ClientOf(gateway);
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new StringContent(body) };
        request.Headers.TryAddWithoutValidation(carrier, context.Request.Headers[carrier].ToString());
        return await client.SendAsync(request);
    }

    public static async Task AssertRefusedAsync(HttpResponseMessage answer, string why = "")
    {
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Contains("/_durable/problems/destination-refused", text, StringComparison.Ordinal);
        Assert.Contains(why, text, StringComparison.Ordinal);
    }
}
