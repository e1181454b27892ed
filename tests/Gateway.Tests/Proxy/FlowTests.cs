using System.Net;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy;

/// <summary>Time-outs of attempts do not cut off transfers that make progress, and each request is answered once.</summary>
public sealed class FlowTests
{
    private const string ShortAttempts = "Durable:Policies:default:AttemptTimeout=00:00:01.500";

    [Fact]
    public async Task ResponseThatTakesLongerThanAnAttemptMay_IsNotCutOff()
    {
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            context.Response.ContentLength = 2;
            await context.Response.WriteAsync("a");
            await context.Response.Body.FlushAsync();
            await PassAsync(2500);
            await context.Response.WriteAsync("b");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, ShortAttempts);
        Assert.Equal("ab", await gateway.Client.GetStringAsync("/download"));
        Assert.Single(service.Seen);
    }

    [Fact]
    public async Task RequestThatTakesLongerThanAnAttemptMay_IsTakenInWhole()
    {
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            using var reader = new StreamReader(context.Request.Body);
            await context.Response.WriteAsync(await reader.ReadToEndAsync());
        }, readBody: false);
        await using var gateway = await GatewayHost.StartAsync(service.Url, ShortAttempts);
        using var answer = await gateway.Client.PostAsync("/upload", new SlowContent());
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("ab", await answer.Content.ReadAsStringAsync());
        Assert.Single(service.Seen);
    }

    [Fact]
    public async Task ResultOfAHeadRequest_CanBeFetchedWithGet()
    {
        await using var service = await TestService.StartAsync((context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 200;
            context.Response.ContentLength = count == 1 ? 0 : 5;
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var head = new HttpRequestMessage(HttpMethod.Head, "/file");
        using var redirect = await gateway.Client.SendAsync(head);
        using var result = await gateway.Follower.GetAsync(redirect.Headers.Location);
        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
    }

    [Fact]
    public async Task RefusedRequest_ThatTricklesIn_IsNeverGivenWholeToTheService()
    {
        var whole = false;
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            whole = true;
        }, readBody: false);
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            "Durable:Policies:default:MaxRequestBytes=1", "Durable:Policies:default:OversizedRequests=Refuse",
            "Durable:Policies:default:PersistAfter=00:00:00.050");
        using var answer = await gateway.Client.PostAsync("/upload", new SlowContent());
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.False(whole);
    }

    /// <summary>Lets real time pass, as a slow peer does.</summary>
    private static Task PassAsync(int milliseconds)
    {
        var end = Environment.TickCount64 + milliseconds;
        return Eventually.TrueAsync(() => Environment.TickCount64 >= end, "time passes");
    }

    private sealed class SlowContent : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes("a"));
            await stream.FlushAsync();
            await PassAsync(2500);
            await stream.WriteAsync(Encoding.ASCII.GetBytes("b"));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
