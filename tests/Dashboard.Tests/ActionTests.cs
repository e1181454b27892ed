using System.Net;
using System.Text;
using DurableGateway.Admin;
using DurableGateway.Dashboard.Tests.Support;
using DurableGateway.Runs;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace DurableGateway.Dashboard.Tests;

public sealed class ActionTests(Browser browser)
{
    [Fact]
    public async Task EachAction_IsConfirmed_Done_AndSaid()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        await site.GoAsync($"/runs/{run}");

        await DoAsync(site, "Retry now", "The run is due now");
        await DoAsync(site, "Pause", "The run is paused");
        await Expect(site.Page.Locator(".run-head .state")).ToHaveTextAsync("paused");
        await DoAsync(site, "Resume", "The run continues");
        await DoAsync(site, "Cancel run", "The run is cancelled");
        await DoAsync(site, "Run again", "This is the new run");
        await Expect(site.Page).Not.ToHaveURLAsync(new System.Text.RegularExpressions.Regex(run.ToString()));

        Assert.Equal(
            [new RunAction.Retry(), new RunAction.Pause(), new RunAction.Resume(), new RunAction.Cancel(), new RunAction.RunAgain()],
            site.Admin.Actions.Select(one => one.Action));
        Assert.All(site.Admin.Actions, one => Assert.Equal("dashboard", one.Who));
        Assert.Empty(site.Errors);
    }

    [Fact]
    public async Task Dialog_ClosesWithoutDoingAnything()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        await site.GoAsync($"/runs/{run}");
        var dialog = site.Page.GetByRole(AriaRole.Dialog);
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel run…" }).ClickAsync();
        await Expect(dialog).ToBeVisibleAsync();
        await site.Page.Keyboard.PressAsync("Escape");
        await Expect(dialog).ToBeHiddenAsync();
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Cancel run…" }).ClickAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Keep as it is" }).ClickAsync();
        await Expect(dialog).ToBeHiddenAsync();
        Assert.Empty(site.Admin.Actions);
    }

    [Fact]
    public async Task Step_IsRunAgainFrom_AndItsOutcomeEdited()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich(RunState.Failed)).Run.Id;
        await site.GoAsync($"/runs/{run}?step=fraud-check");
        await DoAsync(site, "Run from here", "The run continues from that step");

        await site.GoAsync($"/runs/{run}?step=fraud-check");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Edit outcome…" }).ClickAsync();
        var dialog = site.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog.GetByLabel("Body")).ToHaveValueAsync(new System.Text.RegularExpressions.Regex("FraudServiceException"));
        await dialog.GetByLabel("completed").CheckAsync();
        await dialog.GetByLabel("Content type").FillAsync("application/json");
        await dialog.GetByLabel("Body").FillAsync("""{"score":"ü<1>"}""");
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Save and continue" }).ClickAsync();
        await Expect(site.Page.GetByText("The run continues with the edited outcome")).ToBeVisibleAsync();

        var actions = site.Admin.Actions.Select(one => one.Action).ToList();
        Assert.Equal(new RunAction.RunFromStep("fraud-check"), actions[0]);
        var edit = Assert.IsType<RunAction.EditStep>(actions[1]);
        Assert.Equal(("fraud-check", false, "application/json"), (edit.Step, edit.Failed, edit.ContentType));
        Assert.Equal("""{"score":"ü<1>"}""", Encoding.UTF8.GetString(edit.Body.Span));
    }

    [Fact]
    public async Task WhatCannotBeDone_IsSaidWhy()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        site.Admin.Forbids = "The run has ended <meanwhile>.";
        await site.GoAsync($"/runs/{run}");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Pause…" }).ClickAsync();
        await site.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Pause" }).ClickAsync();
        await Expect(site.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("The run has ended <meanwhile>.");
    }

    [Fact]
    public async Task RunningRun_DoesNotOfferToChangeItsSteps()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich(RunState.Running)).Run.Id;
        await site.GoAsync($"/runs/{run}?step=reserve-stock");
        await Expect(site.Page.GetByText("Pause the run first")).ToBeVisibleAsync();
        await Expect(site.Page.GetByRole(AriaRole.Button, new() { Name = "Edit outcome…" })).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task AllThatMatch_AreActedOn_AndThePageSaysHowManyWere()
    {
        await using var site = await Site.OpenAsync(browser);
        site.Admin.Fill(120);
        var waiting = site.Admin.Runs.Where(run => run.Run.State == RunState.Waiting && run.Run.Route == "orders")
            .Select(run => run.Run.Id).ToHashSet();
        Assert.NotEmpty(waiting);
        await site.GoAsync("/runs?state=waiting&route=orders");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Act on all…" }).ClickAsync();
        var dialog = site.Page.GetByRole(AriaRole.Dialog);
        await Expect(dialog).ToContainTextAsync("waiting, route orders");

        // No action is selected by default.
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Start" }).ClickAsync();
        await Expect(dialog).ToBeVisibleAsync();
        await dialog.GetByRole(AriaRole.Radio, new() { NameRegex = new("^Pause") }).CheckAsync();
        await dialog.GetByRole(AriaRole.Button, new() { Name = "Start" }).ClickAsync();

        await Expect(site.Page.GetByRole(AriaRole.Heading, new() { Name = "Bulk action: Pause" })).ToBeVisibleAsync();
        await Expect(site.Page.Locator(".head .state")).ToHaveTextAsync("completed");
        await Expect(site.Page.Locator(".facts")).ToContainTextAsync($"{waiting.Count} run");
        Assert.Equal(waiting, site.Admin.Actions.Where(one => one is { Action: RunAction.Pause, Who: "dashboard" })
            .Select(one => one.Run).ToHashSet());
        Assert.Equal(waiting.Count, site.Admin.Actions.Count);

        await site.Page.GetByRole(AriaRole.Link, new() { Name = "Bulk actions" }).ClickAsync();
        await Expect(site.Page.Locator("[data-row]")).ToContainTextAsync("state waiting, route orders");
        Assert.Empty(site.Errors);
    }

    [Fact]
    public async Task AllThatMatch_CanBeStopped()
    {
        await using var site = await Site.OpenAsync(browser);
        site.Admin.Fill(400);
        using var hold = new SemaphoreSlim(0);
        site.Admin.Hold = hold;
        await site.GoAsync("/runs");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Act on all…" }).ClickAsync();
        await Expect(site.Page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("No filter is set");
        await site.Page.GetByRole(AriaRole.Dialog).GetByLabel("Run again").CheckAsync();
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Start" }).ClickAsync();
        await Expect(site.Page.Locator(".head .state")).ToHaveTextAsync("running");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Stop" }).ClickAsync();
        await Expect(site.Page.Locator(".head .state")).ToHaveTextAsync("stopping");
        hold.Release(400);
        await Expect(site.Page.Locator(".head .state")).ToHaveTextAsync("stopped");
        Assert.InRange(site.Admin.Actions.Count, 1, 25);
        Assert.Empty(site.Errors);
    }

    [Fact]
    public async Task Event_IsSent_AndWrongOnesComeBack()
    {
        await using var site = await Site.OpenAsync(browser);
        await site.GoAsync("/events");
        await site.Page.GetByLabel("Type", new() { Exact = true }).FillAsync("payment.settled");
        await site.Page.GetByLabel("Data").FillAsync("{broken");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Send event" }).ClickAsync();
        await Expect(site.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("not JSON");
        await Expect(site.Page.GetByLabel("Type", new() { Exact = true })).ToHaveValueAsync("payment.settled");
        await site.Page.GetByLabel("Data").FillAsync("""{"amount":12}""");
        await site.Page.GetByRole(AriaRole.Button, new() { Name = "Send event" }).ClickAsync();
        await Expect(site.Page.GetByText("Event stored. No run waits for it yet.")).ToBeVisibleAsync();
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("forged", null)]
    [InlineData("ours", "cross-site")]
    [InlineData("ours", "same-site")]
    public async Task Form_ThatIsNotOurs_DoesNothing(string? token, string? site)
    {
        await using var gateway = await Site.OpenAsync(null);
        var run = gateway.Admin.Put(Samples.Rich()).Run.Id;
        var (cookie, form) = await FormAsync(gateway, $"/runs/{run}");
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/runs/{run}/actions", UriKind.Relative));
        var fields = new Dictionary<string, string> { ["action"] = "cancel" };
        if (token is not null) fields[SessionCookies.FormField] = token == "ours" ? form : "AAAAAAAAAAAAAAAAAAAAAA";
        request.Content = new FormUrlEncodedContent(fields);
        request.Headers.Add("Cookie", cookie);
        if (site is not null) request.Headers.Add("Sec-Fetch-Site", site);
        using var response = await gateway.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Empty(gateway.Admin.Actions);
    }

    [Fact]
    public async Task Form_OfAnotherBrowser_DoesNothing_AndOfThisOneIsAnsweredWith303()
    {
        await using var gateway = await Site.OpenAsync(null);
        var run = gateway.Admin.Put(Samples.Rich()).Run.Id;
        var (mine, form) = await FormAsync(gateway, $"/runs/{run}");
        var (others, _) = await FormAsync(gateway, $"/runs/{run}");
        foreach (var (cookie, expected) in new[] { (others, HttpStatusCode.Forbidden), (mine, HttpStatusCode.SeeOther) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/runs/{run}/actions", UriKind.Relative));
            request.Content = new FormUrlEncodedContent(new Dictionary<string, string>
            {
                ["action"] = "pause",
                [SessionCookies.FormField] = form,
            });
            request.Headers.Add("Cookie", cookie);
            using var response = await gateway.Client.SendAsync(request);
            Assert.Equal(expected, response.StatusCode);
        }

        Assert.Single(gateway.Admin.Actions);
    }

    private static async Task DoAsync(Site site, string label, string said)
    {
        await site.Page.GetByRole(AriaRole.Button, new() { Name = label + "…" }).ClickAsync();
        await site.Page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = label }).ClickAsync();
        await Expect(site.Page.GetByText(said)).ToBeVisibleAsync();
    }

    private static async Task<(string Cookie, string Form)> FormAsync(Site gateway, string path)
    {
        using var page = await gateway.Client.GetAsync(new Uri(path, UriKind.Relative));
        var html = await page.Content.ReadAsStringAsync();
        var match = System.Text.RegularExpressions.Regex.Match(html, $"name=\"{SessionCookies.FormField}\" value=\"([^\"]+)\"");
        return (page.Headers.GetValues("Set-Cookie").Single().Split(';')[0], match.Groups[1].Value);
    }
}
