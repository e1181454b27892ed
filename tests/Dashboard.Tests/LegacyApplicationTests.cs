using System.Text;
using DurableGateway.Dashboard.Tests.Support;
using DurableGateway.Tests.Support;
using static Microsoft.Playwright.Assertions;

namespace DurableGateway.Dashboard.Tests;

/// <summary>
/// A web application without support for the gateway, in a real browser. Its form fails once. The later page has relative references, a
/// form without an action, a cookie without a path, and a check of forms by <c>Origin</c> and <c>Referer</c>.
/// </summary>
public sealed class LegacyApplicationTests(Browser browser)
{
    private const string FormPath = "/shop/orders/new";
    private const string Member = "durable-result";

    [Theory]
    [InlineData("00:00:00.050")]
    [InlineData("00:00:03")]
    public async Task PageThatComesLater_WorksAsIfItHadComeAtOnce(string retryDelay)
    {
        await using var service = await TestService.StartAsync((context, _) => ServeAsync(context), readBody: false);
        await using var gateway = await GatewayHost.StartAsync(service.Url, $"Durable:Policies:default:Retry:Delay={retryDelay}");
        await using var window = await browser.OpenAsync();
        var page = await window.NewPageAsync();
        page.SetDefaultTimeout(60_000);
        await page.GotoAsync(new Uri(gateway.Public, FormPath + "?lang=en").ToString());
        await page.FillAsync("[name=item]", "lamp");
        await page.ClickAsync("button");

        // With the longer delay, the browser shows the progress page first.
        await Expect(page.Locator("h1")).ToHaveTextAsync("Order taken: lamp");
        Assert.StartsWith($"{FormPath}?lang=en&{Member}=", new Uri(page.Url).PathAndQuery, StringComparison.Ordinal);
        Assert.True(await page.Locator("img").EvaluateAsync<int>("image => image.decode().then(() => image.naturalWidth)") > 0);
        var orders = Posts(service);

        // A reload gets the result again and does not repeat the order.
        await page.ReloadAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("Order taken: lamp");
        Assert.Equal(orders, Posts(service));

        await page.FillAsync("[name=note]", "hello");
        await page.ClickAsync("button");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Noted: hello");
        Assert.Equal(orders + 1, Posts(service));

        await page.GoBackAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("Order taken: lamp");
        await page.ClickAsync("text=Receipt");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Receipt 7, seen=yes");
        Assert.Equal("/shop/orders/receipt?id=7", new Uri(page.Url).PathAndQuery);
        Assert.DoesNotContain(service.Seen, request => request.Target.Contains(Member, StringComparison.Ordinal)
            || request.Headers.Any(line => line.Value.Contains(Member, StringComparison.Ordinal)));
    }

    private static int Posts(TestService service) => service.Seen.Count(request => request.Method == "POST");

    private static async Task ServeAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        response.ContentType = "text/html";
        switch (request.Method, request.Path.Value)
        {
            case ("GET", FormPath):
                response.Headers.SetCookie = "csrf=s3cret; Path=/; HttpOnly";
                await WriteAsync(response,
                    """
                    <h1>Order</h1>
                    <form method="post"><input type="hidden" name="csrf" value="s3cret"><input name="item"><button>Order</button></form>
                    """);
                break;
            case ("POST", FormPath):
                var form = await request.ReadFormAsync();
                if (!IsOwn(request) || form["csrf"] != request.Cookies["csrf"]) response.StatusCode = 403;
                else if (form.ContainsKey("item") && request.Headers["Durable-Attempt"] == "1") response.StatusCode = 503;
                else if (form.ContainsKey("note")) await WriteAsync(response, $"<h1>Noted: {form["note"]}</h1>");
                else
                {
                    response.Headers.SetCookie = "seen=yes";
                    await WriteAsync(response, $"""
                        <h1>Order taken: {form["item"]}</h1><a href="receipt?id=7">Receipt</a><img src="logo.svg">
                        <form method="post" action="">
                        <input type="hidden" name="csrf" value="s3cret"><input name="note"><button>Add</button>
                        </form>
                        """);
                }

                break;
            case ("GET", "/shop/orders/receipt"):
                await WriteAsync(response, $"<h1>Receipt {request.Query["id"]}, seen={request.Cookies["seen"]}</h1>");
                break;
            case ("GET", "/shop/orders/logo.svg"):
                response.ContentType = "image/svg+xml";
                await response.WriteAsync(
                    """<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>""");
                break;
            default:
                response.StatusCode = 404;
                break;
        }
    }

    /// <summary>Checks <c>Origin</c> and <c>Referer</c> as Django does on secure connections. Both must be present.</summary>
    private static bool IsOwn(HttpRequest request) =>
        request.Headers.Origin == $"http://{request.Host}"
            && request.Headers.Referer.ToString().StartsWith($"http://{request.Host}{FormPath}", StringComparison.Ordinal);

    private static Task WriteAsync(HttpResponse response, string body) =>
        response.WriteAsync($"<!DOCTYPE html><title>Shop</title>{body}", Encoding.UTF8);
}
