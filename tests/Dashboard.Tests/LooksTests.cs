using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using DurableGateway.Dashboard.Tests.Support;
using DurableGateway.Protocol;
using Microsoft.Playwright;

namespace DurableGateway.Dashboard.Tests;

public sealed class DesktopByDayTests(Browser browser) : LooksTests(browser, 1280, 800, ColorScheme.Light);

public sealed class DesktopByNightTests(Browser browser) : LooksTests(browser, 1280, 800, ColorScheme.Dark);

public sealed class PhoneByDayTests(Browser browser) : LooksTests(browser, 390, 844, ColorScheme.Light);

public sealed class PhoneByNightTests(Browser browser) : LooksTests(browser, 390, 844, ColorScheme.Dark);

/// <summary>
/// Checks every page on a desktop and a phone, in the light and the dark scheme: axe finds no violation, and nothing is wider than the
/// screen. Takes a screenshot of each.
/// </summary>
public abstract class LooksTests(Browser browser, int width, int height, ColorScheme scheme)
{
    internal static readonly string Pictures = Path.Combine(
        Environment.GetEnvironmentVariable("DURABLE_TESTS_ARTIFACTS") ?? Path.Combine(AppContext.BaseDirectory, "artifacts"),
        "screenshots");

    /// <summary>Limits the report of axe to violations. Passed nodes would be most of the report.</summary>
    private static readonly AxeRunOptions OnlyViolations = new() { ResultTypes = [ResultType.Violations] };

    private string Screen => $"{(width < 500 ? "phone" : "desktop")}-{(scheme == ColorScheme.Dark ? "dark" : "light")}";

    [Fact]
    public async Task EveryPage_IsAccessibleAndFits()
    {
        await using var site = await Site.OpenAsync(browser, width, height, scheme);
        await LookAsync(site, "/runs", $"empty-{Screen}");
        site.Admin.Fill(400);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        var hostile = site.Admin.Put(Samples.Hostile()).Run.Id;
        var drifted = site.Admin.Put(Samples.Drifted()).Run.Id;
        var many = site.Admin.Put(Samples.WithSteps(3000)).Run.Id;
        await LookAsync(site, "/", $"overview-{Screen}");
        await LookAsync(site, "/runs", $"runs-{Screen}");
        await LookAsync(site, "/runs?state=failed&route=orders&since=1d&step=nothing", $"filtered-{Screen}");
        await LookAsync(site, $"/runs/{run}", $"run-{Screen}");
        await LookAsync(site, $"/runs/{run}?step=fraud-check", $"step-{Screen}");
        await LookAsync(site, $"/runs/{run}?attempt=2", $"zoom-{Screen}");
        await LookAsync(site, $"/runs/{many}?from=1000&fit=1", $"many-steps-{Screen}");
        await LookAsync(site, $"/runs/{hostile}", $"hostile-{Screen}");
        await LookAsync(site, $"/runs/{drifted}", $"drift-{Screen}");
        await LookAsync(site, "/routes", $"routes-{Screen}");
        await LookAsync(site, "/events", $"events-{Screen}");
        await LookAsync(site, $"/runs/{RunId.New(Samples.Now)}", $"unknown-{Screen}");
        await site.GoAsync($"/runs/{run}");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel run…" }).ClickAsync();
        await LookAsync(site, null, $"dialog-{Screen}");
        await LookAsync(site, "/actions", $"no-actions-{Screen}");
        await site.GoAsync("/runs?state=waiting&route=orders");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Act on all…" }).ClickAsync();
        await LookAsync(site, null, $"act-on-all-{Screen}");
        await site.Page.GetByRole(AriaRole.Dialog).GetByLabel("Retry now").CheckAsync();
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Start" }).ClickAsync();
        await Assertions.Expect(site.Page.Locator(".head .state")).ToHaveTextAsync("completed");
        await LookAsync(site, new Uri(site.Page.Url).AbsolutePath, $"action-{Screen}");
        await LookAsync(site, "/actions", $"actions-{Screen}");
    }

    [Fact]
    public async Task Login_IsAccessibleAndFits()
    {
        await using var site = await Site.OpenAsync(
            browser, width, height, scheme, "Durable:Admin:ApiKeys:0=a-key-that-is-long-enough-for-anyone");
        await LookAsync(site, "/", $"login-{Screen}");
    }

    private static async Task LookAsync(Site site, string? path, string name)
    {
        if (path is not null) await site.GoAsync(path);
        var isLong = await site.Page.EvaluateAsync<bool>("document.documentElement.scrollHeight > 3500");
        await site.Page.ScreenshotAsync(new() { Path = Path.Combine(Pictures, name + ".png"), FullPage = path is not null && !isLong });
        var isWider = await site.Page.EvaluateAsync<bool>("document.documentElement.scrollWidth > document.documentElement.clientWidth");
        Assert.False(isWider, $"{name} is wider than the screen.");
        var found = await site.Page.RunAxe(OnlyViolations);
        Assert.True(found.Violations.Length == 0, $"{name}: " + string.Join("; ", found.Violations.Select(
            one => $"{one.Id} ({one.Help}) at {string.Join(", ", one.Nodes.Take(3).Select(node => node.Html))}")));
    }
}
