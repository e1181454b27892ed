using System.Net;
using DurableGateway.Dashboard.Tests.Support;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace DurableGateway.Dashboard.Tests;

public sealed class AccessTests(Browser browser)
{
    private const string Key = "a-key-that-is-long-enough-for-anyone";
    private const string Setting = "Durable:Admin:ApiKeys:0=" + Key;

    [Fact]
    public async Task Key_OpensTheDashboard_UntilLogOut()
    {
        await using var site = await Site.OpenAsync(browser, settings: Setting);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        await site.GoAsync($"/runs/{run}?step=cool-down");
        await site.Page.GetByLabel("API key").FillAsync("another-key");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync();
        await Expect(site.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("The key is not in");

        await site.Page.GetByLabel("API key").FillAsync(Key);
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync();
        await Expect(site.Page).ToHaveURLAsync(new Uri(site.Base, $"/runs/{run}?step=cool-down").ToString());
        var cookie = Assert.Single(await site.Page.Context.CookiesAsync(), one => one.Name == SessionCookies.Cookie);
        Assert.True(cookie.HttpOnly);
        Assert.Equal(SameSiteAttribute.Strict, cookie.SameSite);

        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Pause…" }).ClickAsync();
        await site.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Pause" }).ClickAsync();
        await Expect(site.Page.GetByText("The run is paused")).ToBeVisibleAsync();
        Assert.Matches("^dashboard, key [0-9a-f]{8}$", Assert.Single(site.Admin.Actions).Who);

        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Log out" }).ClickAsync();
        await Expect(site.Page.GetByLabel("API key")).ToBeVisibleAsync();
        await site.GoAsync("/runs");
        await Expect(site.Page.GetByLabel("API key")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task EndedSession_LeadsALivePageToTheLogin()
    {
        await using var site = await Site.OpenAsync(browser, settings: Setting);
        await site.GoAsync("/runs");
        await site.Page.GetByLabel("API key").FillAsync(Key);
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync();
        await Expect(site.Page.GetByText("No runs yet")).ToBeVisibleAsync();
        await site.Page.Context.ClearCookiesAsync();
        await Expect(site.Page.GetByLabel("API key")).ToBeVisibleAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("AAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAB__________zEyMzQ1Njc4")]
    public async Task ForgedSession_IsNone(string session)
    {
        await using var site = await Site.OpenAsync(null, settings: Setting);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        foreach (var path in new[] { "/", "/runs", $"/runs/{run}", $"/runs/{run}/body?of=request", "/routes", "/events" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
            request.Headers.Add("Cookie", $"{SessionCookies.Cookie}={session}");
            using var response = await site.Client.SendAsync(request);
            Assert.Equal(HttpStatusCode.SeeOther, response.StatusCode);
            Assert.StartsWith("/login", response.Headers.Location!.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("//evil.example/")]
    [InlineData("/\\evil.example/")]
    [InlineData("https://evil.example/")]
    public async Task Login_LeadsToNoOtherSite(string next)
    {
        await using var site = await Site.OpenAsync(browser, settings: Setting);
        await site.GoAsync($"/login?next={Uri.EscapeDataString(next)}");
        await site.Page.GetByLabel("API key").FillAsync(Key);
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Log in" }).ClickAsync();
        await Expect(site.Page).ToHaveURLAsync(site.Base.ToString());
    }

    [Fact]
    public async Task EveryAnswer_SaysWhatABrowserMayDo()
    {
        await using var site = await Site.OpenAsync(null);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        foreach (var path in new[] { "/", "/runs", $"/runs/{run}", $"/runs/{run}/body?of=request", "/runs/unknown", "/routes", "/events" })
        {
            using var response = await site.Client.GetAsync(new Uri(path, UriKind.Relative));
            var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
            Assert.StartsWith("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
                + "form-action 'self'; frame-ancestors 'none'", policy, StringComparison.Ordinal);
            Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
            Assert.Equal("no-referrer", Assert.Single(response.Headers.GetValues("Referrer-Policy")));
            Assert.True(response.Headers.CacheControl!.NoStore);
        }
    }

    [Fact]
    public async Task PublicListener_KnowsNoDashboard()
    {
        await using var site = await Site.OpenAsync(null);
        foreach (var path in new[] { "/", "/runs", "/login", "/_durable/dashboard/base.css" })
        {
            using var response = await site.Gateway.Client.GetAsync(new Uri(path, UriKind.Relative));
            Assert.NotEqual(HttpStatusCode.OK, response.StatusCode);
            Assert.False(response.Headers.Contains("Content-Security-Policy"));
        }
    }

    [Fact]
    public async Task ForeignName_IsRefused_WhereThereAreNoKeys()
    {
        await using var site = await Site.OpenAsync(null);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("/runs", UriKind.Relative));
        request.Headers.Host = "rebound.example";
        using var response = await site.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }
}
