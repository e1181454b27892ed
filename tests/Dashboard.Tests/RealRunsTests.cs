using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using DurableGateway.Dashboard.Tests.Support;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace DurableGateway.Dashboard.Tests;

/// <summary>
/// The tasks of an operator during an incident, against a real gateway, store and service.
/// </summary>
public sealed class RealRunsTests(Browser browser)
{
    private const string RetryMuchLater = "Durable:Policies:default:Retry:Delay=00:04:00";

    [Fact]
    public async Task StuckOrder_IsFound_Understood_AndFinishedByOneButton()
    {
        var isDown = true;
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            await Checkpoint.PutAsync(SeenRequest.Of(context, []), "reserve-stock", """{"bin":"A-7"}""");
            if (Volatile.Read(ref isDown))
            {
                context.Response.StatusCode = 503;
                await context.Response.WriteAsync("no connection to the bank");
                return;
            }

            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync("""{"shipped":true}""");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, RetryMuchLater);
        await using var window = await browser.OpenAsync();
        var page = await window.NewPageAsync();
        using var order = new HttpRequestMessage(HttpMethod.Post, "/orders/77?express=yes")
        {
            Content = new StringContent("""{"item":"lamp"}""", Encoding.UTF8, "application/json")
        };
        order.Headers.Add("Idempotency-Key", "\"order-77\"");
        order.Headers.Add("Authorization", "Bearer a-secret-of-the-customer");
        using var redirect = await gateway.Client.SendAsync(order);
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        using (await gateway.Client.GetAsync("/elsewhere")) { }

        await page.GotoAsync(gateway.Control.ToString());
        await Expect(page.GetByText("the oldest for")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Runs", Exact = true }).ClickAsync();
        await Expect(page.Locator("[id^=run-]")).ToHaveCountAsync(2);
        await page.GetByRole(AriaRole.Searchbox).FillAsync("order-77");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("[id^=run-]")).ToHaveCountAsync(1);
        await Expect(page).ToHaveURLAsync(new Regex("q=order-77"));
        await page.Locator("[id^=run-] a").First.ClickAsync();

        await Expect(page.Locator("h1")).ToContainTextAsync("/orders/77");
        await Expect(page.GetByText("status 503").First).ToBeVisibleAsync();
        await Expect(page.GetByText("reserve-stock").First).ToBeVisibleAsync();
        await Expect(page.GetByText("\"lamp\"").First).ToBeVisibleAsync();
        Assert.DoesNotContain("a-secret-of-the-customer", await page.ContentAsync(), StringComparison.Ordinal);
        await ShootAsync(page, "real-waiting");

        // The service is available again.
        Volatile.Write(ref isDown, false);
        await page.GetByRole(AriaRole.Button, new() { Name = "Retry now…" }).ClickAsync();
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Retry now" }).ClickAsync();
        await Expect(page.Locator(".run-head .state")).ToHaveTextAsync("completed", new() { Timeout = 15_000 });
        await Expect(page.GetByText("shipped").First).ToBeVisibleAsync();
        await ShootAsync(page, "real-completed");
        Assert.Equal("""{"shipped":true}""", await gateway.Follower.GetStringAsync(redirect.Headers.Location));
    }

    [Fact]
    public async Task StepThatFailed_IsCorrected_AndTheRunGoesOnWithIt()
    {
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            var steps = context.Request.Headers["Durable-Steps"].ToString();
            if (!steps.Contains("\"price\"", StringComparison.Ordinal))
                await Checkpoint.PutAsync(SeenRequest.Of(context, []), "price", """{"amount":-1}""");
            if (steps.Contains(Convert.ToBase64String("""{"amount":12}"""u8), StringComparison.Ordinal))
                await context.Response.WriteAsync("paid 12");
            else context.Response.StatusCode = 500;
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, RetryMuchLater);
        await using var window = await browser.OpenAsync();
        var page = await window.NewPageAsync();
        using var redirect = await gateway.Client.GetAsync("/pay");

        await page.GotoAsync($"{gateway.Control}runs/{IdOf(redirect)}?step=price");
        await page.GetByRole(AriaRole.Button, new() { Name = "Edit outcome…" }).ClickAsync();
        var dialog = page.GetByRole(AriaRole.Dialog);
        await dialog.GetByLabel("Body").FillAsync("""{"amount":12}""");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Save and continue" }).ClickAsync();

        await Expect(page.Locator(".run-head .state")).ToHaveTextAsync("completed", new() { Timeout = 15_000 });
        Assert.Equal("paid 12", await gateway.Follower.GetStringAsync(redirect.Headers.Location));
        await page.GetByText("History").First.ClickAsync();
        await Expect(page.GetByText("dashboard").First).ToBeVisibleAsync();
        await ShootAsync(page, "real-edited");
    }

    [Fact]
    public async Task RunThatWaits_IsWokenByAnEventFromTheForm()
    {
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            var answer = await Checkpoint.PutAsync(SeenRequest.Of(context, []), "approval", "", ("Durable-Step-Type", "wait"),
                ("Durable-Event-Type", "order.approved"));
            if (answer == HttpStatusCode.OK) await context.Response.WriteAsync("approved");
            else (context.Response.StatusCode, context.Response.Headers["Durable-Suspended"]) = (202, "?1");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, RetryMuchLater);
        await using var window = await browser.OpenAsync();
        var page = await window.NewPageAsync();
        using var redirect = await gateway.Client.GetAsync("/approve");

        await page.GotoAsync($"{gateway.Control}events");
        await page.GetByLabel("Type", new() { Exact = true }).FillAsync("order.approved");
        await page.GetByLabel("Data").FillAsync("""{"by":"Ann"}""");
        await page.GetByRole(AriaRole.Button, new() { Name = "Send event" }).ClickAsync();
        await Expect(page.GetByText("It woke 1 run.")).ToBeVisibleAsync();
        await Expect(page.Locator("tbody tr")).ToContainTextAsync("order.approved");
        await ShootAsync(page, "real-events");
        Assert.Equal("approved", await gateway.Follower.GetStringAsync(redirect.Headers.Location));
    }

    private static string IdOf(HttpResponseMessage redirect) => redirect.Headers.GetValues("Durable-Run-Id").Single().Trim('"');

    private static async Task ShootAsync(IPage page, string name) =>
        await page.ScreenshotAsync(new() { Path = Path.Combine(LooksTests.Pictures, name + ".png"), FullPage = true });
}
