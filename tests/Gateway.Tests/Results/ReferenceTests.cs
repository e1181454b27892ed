using System.Diagnostics;
using DurableGateway.Results;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

/// <summary>References of a result are resolved against the URL of the request.</summary>
public sealed class ReferenceTests
{
    [Theory]
    [InlineData("receipt?id=7", "/shop/orders/receipt?id=7")]
    [InlineData("./receipt#top", "/shop/orders/receipt#top")]
    [InlineData("../cart", "/shop/cart")]
    [InlineData("../../../..", "/")]
    [InlineData(".", "/shop/orders/")]
    [InlineData("?page=2", "/shop/orders/new?page=2")]
    [InlineData("", "/shop/orders/new?a=1&b=%2F")]
    [InlineData("#end", "/shop/orders/new?a=1&b=%2F#end")]
    [InlineData("a?x=../y", "/shop/orders/a?x=../y")]
    [InlineData("/elsewhere", "/elsewhere")]
    [InlineData("//host/x", "//host/x")]
    [InlineData("https://host/x", "https://host/x")]
    [InlineData("mailto:a@b", "mailto:a@b")]
    public void Location_IsResolvedAgainstTheTarget(string reference, string resolved)
    {
        const string Target = "/shop/orders/new?a=1&b=%2F";
        Assert.Equal(resolved, Header("Location", reference, Target));
        Assert.Equal(resolved, Header("content-location", reference, Target));
        Assert.Equal(resolved, Header("Location", reference, "http://gateway:8080" + Target));
        Assert.Equal($"<{resolved}>; rel=next", Header("Link", $"<{reference}>; rel=next", Target));
    }

    [Theory]
    [InlineData("//host/a/b", "c", "/.//host/a/c")]
    [InlineData("//host/a", "", "/.//host/a")]
    [InlineData("/a//b", "c", "/a//c")]
    [InlineData("*", "c", "/c")]
    [InlineData("http://host", "c", "/c")]
    [InlineData("http://host?q", "", "/?q")]
    [InlineData("/a b/é", "c", "/a%20b/c")]
    [InlineData("/\\host", "", "/%5Chost")]
    [InlineData("/\\host?q", "#x", "/%5Chost?q#x")]
    [InlineData("/\\host", "?saved=1", "/%5Chost?saved=1")]
    [InlineData("/\\host/a", "login", "/%5Chost/login")]
    [InlineData("http://gateway/\\host/a", "login", "/%5Chost/login")]
    [InlineData("/a", "./\\host", "/./\\host")]
    [InlineData("/a", "./\t/host", "/.//host")]
    [InlineData("/a", "./\t\\host", "/./\\host")]
    public void UnusualTarget_IsNoHost_AndNoWay(string target, string reference, string resolved) =>
        Assert.Equal(resolved, Header("Location", reference, target));

    [Theory]
    [InlineData("<p2>; rel=\"next\", <p1>; rel=prev", "</d/p2>; rel=\"next\", </d/p1>; rel=prev")]
    [InlineData("<a,b>; title=\"x, <y>; \\\"z\\\"\"; rel=up,</c>", "</d/a,b>; title=\"x, <y>; \\\"z\\\"\"; rel=up,</c>")]
    [InlineData("<>; rel=self; anchor=\"#part\"", "</d/e>; rel=self; anchor=\"/d/e#part\"")]
    [InlineData("<x>; title=\"anchor=\"; Anchor = \"y\"", "</d/x>; title=\"anchor=\"; Anchor = \"/d/y\"")]
    [InlineData("<unclosed; rel=x", "<unclosed; rel=x")]
    [InlineData("<x>; title=\"unclosed", "</d/x>; title=\"unclosed")]
    public void Link_HasItsTargetsAndAnchorsResolved(string value, string resolved) =>
        Assert.Equal(resolved, Header("Link", value, "/d/e"));

    [Theory]
    [InlineData("5", "5; url=/d/e?q")]
    [InlineData("0;url=next?x=1", "0; url=/d/next?x=1")]
    [InlineData("3; URL='a b'", "3; url=/d/a b")]
    [InlineData("3, \"x\" y", "3; url=/d/x")]
    [InlineData("1.5 next", "1.5; url=/d/next")]
    [InlineData("5; url=/there", "5; url=/there")]
    [InlineData("5; url='https://host/x'", "5; url='https://host/x'")]
    [InlineData("soon", "soon")]
    public void Refresh_LeadsWhereItLed(string value, string resolved) => Assert.Equal(resolved, Header("Refresh", value, "/d/e?q"));

    [Theory]
    [InlineData("a=1", "/shop/orders/1", "a=1; Path=/shop/orders")]
    [InlineData("a=1; HttpOnly", "/shop/orders/?x=/y/z", "a=1; HttpOnly; Path=/shop/orders")]
    [InlineData("a=1", "/orders", "a=1; Path=/")]
    [InlineData("a=1; path=/x", "/shop/orders/1", "a=1; path=/x")]
    [InlineData("a=1; Path=", "/shop/orders/1", "a=1; Path=; Path=/shop/orders")]
    [InlineData("a=1; Path=/x; Path=y", "/shop/orders/1", "a=1; Path=/x; Path=y; Path=/shop/orders")]
    [InlineData("Path=/v; Secure", "/shop/orders/1", "Path=/v; Secure; Path=/shop/orders")]
    [InlineData("a=1", "/shop/m;v=1/2", "a=1; Path=/shop")]
    public void CookieWithoutPath_GetsTheOneOfTheTarget(string value, string target, string resolved) =>
        Assert.Equal(resolved, Header("Set-Cookie", value, target));

    [Fact]
    public async Task RealClient_EndsWhereTheOriginalUrlWouldHaveLedIt()
    {
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            var (request, response) = (context.Request, context.Response);
            if (request.Path.Value!.EndsWith("/receipt", StringComparison.Ordinal))
                await response.WriteAsync($"{request.Path}{request.QueryString} {request.Headers.Cookie}");
            else if (request.Headers["Durable-Attempt"] == "1") response.StatusCode = 503;
            else
            {
                response.StatusCode = 302;
                response.Headers.Location = "receipt?id=7";
                response.Headers.SetCookie = new(["session=1", "other=2; Path=/elsewhere", "third=3; HttpOnly"]);
            }
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, "Durable:Policies:default:Retry:Delay=00:00:00.200");
        using var curl = Start("curl", "-sSL", "--max-time", "50", "-b", "", "-d", "{}",
            new Uri(gateway.Public, "/shop/orders/new?x=1").ToString());
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var output = await curl.StandardOutput.ReadToEndAsync(patience.Token);
        await curl.WaitForExitAsync(patience.Token);
        Assert.StartsWith("/shop/orders/receipt?id=7 ", output, StringComparison.Ordinal);
        Assert.Equal(["session=1", "third=3"], output.Split(' ', 2)[1].Split("; ").Order());
    }

    [Fact]
    public async Task IdempotentReplay_StaysAsTheServiceSentIt_BecauseItIsUnderTheOriginalUrl()
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            (context.Response.StatusCode, context.Response.Headers.Location, context.Response.Headers.SetCookie) = (201, "receipt", "a=1");
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        for (var i = 0; i < 2; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/shop/orders/new") { Headers = { { "Idempotency-Key", "one" } } };
            using var answer = await gateway.Client.SendAsync(request);
            Assert.Equal(("receipt", "a=1"), (answer.Headers.Location!.OriginalString, answer.Headers.GetValues("Set-Cookie").Single()));
            Assert.Equal(i == 1, answer.Headers.Contains("Idempotent-Replayed"));
        }
    }

    private static Process Start(string file, params string[] arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true })!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Assert.Skip($"{file} is not on this machine: {e.Message}");
            throw;
        }
    }

    private static string Header(string name, string value, string target) =>
        ResponseReferences.Resolve(new StoredResponse(200, [new(name, value)], default), new RequestTarget(target)).Headers.Single().Value;
}
