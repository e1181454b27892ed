using System.Net;
using System.Net.Sockets;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy;

/// <summary>The service gets the target as written. The normalized path decides which route matches.</summary>
public sealed class PathRuleTests
{
    [Theory]
    [InlineData("/public/..%2fadmin", 400)]
    [InlineData("/public/..%2Fadmin", 400)]
    [InlineData("/public/%2e%2e%2fadmin", 400)]
    [InlineData("/public/..%5cadmin", 400)]
    [InlineData("/public/..\\admin", 400)]
    [InlineData("/public/x%2f..%2f..%2fadmin", 400)]
    [InlineData("/public/..;/admin", 400)]
    [InlineData("/public/%2e%2e;v=1/admin", 400)]
    [InlineData("/public//../admin", 400)]
    [InlineData("/public/x//%2e%2e/../admin", 400)]
    [InlineData("/admin%2fx/../public/y", 400)]
    [InlineData("/admin\\x/../public/y", 400)]
    [InlineData("/admin#/../public/y", 400)]
    [InlineData("http://x/public//../admin", 400)]
    [InlineData("/public/../admin", 404)]
    [InlineData("/public/%2e%2e/admin", 404)]
    [InlineData("/public/%2E./admin", 404)]
    [InlineData("/public/a..b/c", 200)]
    [InlineData("/public/a%2fb", 200)]
    [InlineData("/public/...%2fb", 200)]
    [InlineData("/PUBLIC/x", 200)]
    [InlineData("/%70ublic/x", 200)]
    [InlineData("/public//x", 200)]
    [InlineData("/public/x/../y;z", 200)]
    [InlineData("/public/x?..//../admin", 200)]
    public async Task Dots_DoNotLeaveTheRoute(string target, int status)
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("in"));
        await using var gateway = await StartAsync(service, service.Url);
        Assert.Equal(status, await GetAsync(gateway, target));
        Assert.Equal(status == 200 ? [target] : [], service.Seen.Select(request => request.Target));
    }

    [Theory]
    [InlineData("/public/../public/x", "/base/public/x")]
    [InlineData("/public/%2e%2e/public/x", "/base/public/x")]
    [InlineData("/public/x%2Fy", "/base/public/x%2Fy")]
    public async Task Dots_DoNotLeaveTheDestinationsPath(string target, string seen)
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("in"));
        await using var gateway = await StartAsync(service, service.Url + "/base/");
        Assert.Equal(200, await GetAsync(gateway, target));
        Assert.Equal(seen, service.Seen.Single().Target);
    }

    [Theory]
    [InlineData("/_durable/v1/runs/x")]
    [InlineData("/_DURABLE/v1/runs/x")]
    [InlineData("/%5fdurable/v1/runs/x")]
    [InlineData("/public/../_durable/v1/runs/x")]
    [InlineData("/./_durable/")]
    public async Task ReservedPrefix_IsNeverAServices(string target)
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("in"));
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        Assert.Equal(404, await GetAsync(gateway, target));
        Assert.Empty(service.Seen);
    }

    /// <summary>Another spelling of a path does not bypass a stricter route in favor of a less strict one.</summary>
    [Theory]
    [InlineData("/admin/x")]
    [InlineData("/ADMIN/x")]
    [InlineData("/%61dmin/x")]
    [InlineData("/%41dmin/x")]
    [InlineData("/public/../admin/x")]
    [InlineData("/./%2e/admin/x")]
    public async Task Encodings_DoNotAvoidARoute(string target)
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("in"));
        await using var gateway = await GatewayHost.StartAsync(service.Url, "ReverseProxy:Routes:strict:ClusterId=nobody",
            "ReverseProxy:Routes:strict:Match:Path=/admin/{**rest}",
            $"ReverseProxy:Clusters:nobody:Destinations:d:Address=http://127.0.0.1:{FreePort.Next()}");
        Assert.Equal(502, await GetAsync(gateway, target));
        Assert.Equal(200, await GetAsync(gateway, "/other" + target));
    }

    /// <summary>A route that rewrites its path cannot send the target as the client wrote it. It sends YARP's form.</summary>
    [Theory]
    [InlineData("Transforms:0:PathRemovePrefix=/public", "/public/a%2Fb/%7E?x=%2f", "/a%252Fb/~?x=%2f")]
    [InlineData("Transforms:0:PathPrefix=/v2", "/public/%41b?x=%2f", "/v2/public/Ab?x=%2f")]
    public async Task Path_ThatIsTransformed_IsYarps(string transform, string target, string seen)
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("in"));
        await using var gateway = await GatewayHost.StartAsync(service.Url, "ReverseProxy:Routes:upstream:" + transform);
        Assert.Equal(200, await GetAsync(gateway, target));
        Assert.Equal(seen, service.Seen.Single().Target);
    }

    private static Task<GatewayHost> StartAsync(TestService service, string destination) => GatewayHost.StartAsync(service.Url,
        "ReverseProxy:Routes:upstream:Match:Path=/public/{**rest}",
        $"ReverseProxy:Clusters:upstream:Destinations:upstream:Address={destination}");

    /// <summary>Sends the target byte for byte. HTTP clients normalize targets.</summary>
    private static async Task<int> GetAsync(GatewayHost gateway, string target)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(gateway.Public.Host, gateway.Public.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream, Encoding.Latin1);
        var status = (await reader.ReadLineAsync())!.Split(' ')[1];
        return (int)Enum.Parse<HttpStatusCode>(status);
    }
}
