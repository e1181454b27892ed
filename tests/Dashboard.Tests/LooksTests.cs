using Deque.AxeCore.Playwright;
using DurableGateway.Admin;
using DurableGateway.Dashboard.Tests.Support;
using DurableGateway.Protocol;
using Microsoft.Playwright;

namespace DurableGateway.Dashboard.Tests;

/// <summary>
/// Every page, on a desk and on a phone, by day and by night: no finding of axe, nothing wider than the screen, and a picture to look at.
/// </summary>
[Collection(Browsers.Name)]
public sealed class LooksTests(Browser browser)
{
    internal static readonly string Pictures = Path.Combine(
        Environment.GetEnvironmentVariable("DURABLE_TESTS_ARTIFACTS") ?? Path.Combine(AppContext.BaseDirectory, "artifacts"),
        "screenshots");

    public static TheoryData<int, int, string> Screens { get; } = new()
    {
        { 1280, 800, "light" }, { 1280, 800, "dark" }, { 390, 844, "light" }, { 390, 844, "dark" },
    };

    [Theory]
    [MemberData(nameof(Screens))]
    public async Task EveryPage_IsAccessibleAndFits(int width, int height, string scheme)
    {
        await using var site = await Site.OpenAsync(browser, width, height, scheme == "dark" ? ColorScheme.Dark : ColorScheme.Light);
        var screen = $"{(width < 500 ? "phone" : "desktop")}-{scheme}";
        await LookAsync(site, "/runs", $"empty-{screen}");
        site.Admin.Fill(400);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        var hostile = site.Admin.Put(Samples.Hostile()).Run.Id;
        var many = site.Admin.Put(Samples.WithSteps(3000)).Run.Id;
        await LookAsync(site, "/", $"overview-{screen}");
        await LookAsync(site, "/runs", $"runs-{screen}");
        await LookAsync(site, "/runs?state=failed&route=orders&since=1d&step=nothing", $"filtered-{screen}");
        await LookAsync(site, $"/runs/{run}", $"run-{screen}");
        await LookAsync(site, $"/runs/{run}?step=fraud-check", $"step-{screen}");
        await LookAsync(site, $"/runs/{run}?attempt=2", $"zoom-{screen}");
        await LookAsync(site, $"/runs/{many}?from=1000&fit=1", $"many-steps-{screen}");
        await LookAsync(site, $"/runs/{hostile}", $"hostile-{screen}");
        await LookAsync(site, "/routes", $"routes-{screen}");
        await LookAsync(site, "/events", $"events-{screen}");
        await LookAsync(site, $"/runs/{RunId.New(Samples.Now)}", $"unknown-{screen}");
        await site.GoAsync($"/runs/{run}");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel run…" }).ClickAsync();
        await LookAsync(site, null, $"dialog-{screen}");
        await LookAsync(site, "/actions", $"no-actions-{screen}");
        await site.GoAsync("/runs?state=waiting&route=orders");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Act on all…" }).ClickAsync();
        await LookAsync(site, null, $"act-on-all-{screen}");
        await site.Page.GetByRole(AriaRole.Dialog).GetByLabel("Retry now").CheckAsync();
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Begin" }).ClickAsync();
        await Assertions.Expect(site.Page.Locator(".head .state")).ToHaveTextAsync("completed");
        await LookAsync(site, new Uri(site.Page.Url).AbsolutePath, $"action-{screen}");
        await LookAsync(site, "/actions", $"actions-{screen}");
    }

    [Theory]
    [MemberData(nameof(Screens))]
    public async Task Login_IsAccessibleAndFits(int width, int height, string scheme)
    {
        await using var site = await Site.OpenAsync(
            browser, width, height, scheme == "dark" ? ColorScheme.Dark : ColorScheme.Light,
            "Durable:Admin:ApiKeys:0=a-key-that-is-long-enough-for-anyone");
        await LookAsync(site, "/", $"login-{(width < 500 ? "phone" : "desktop")}-{scheme}");
    }

    private static async Task LookAsync(Site site, string? path, string name)
    {
        if (path is not null) await site.GoAsync(path);
        var isLong = await site.Page.EvaluateAsync<bool>("document.documentElement.scrollHeight > 3500");
        await site.Page.ScreenshotAsync(new() { Path = Path.Combine(Pictures, name + ".png"), FullPage = path is not null && !isLong });
        var isWider = await site.Page.EvaluateAsync<bool>("document.documentElement.scrollWidth > document.documentElement.clientWidth");
        Assert.False(isWider, $"{name} is wider than the screen.");
        var found = await site.Page.RunAxe();
        Assert.True(found.Violations.Length == 0, $"{name}: " + string.Join("; ", found.Violations.Select(
            one => $"{one.Id} ({one.Help}) at {string.Join(", ", one.Nodes.Take(3).Select(node => node.Html))}")));
    }
}
