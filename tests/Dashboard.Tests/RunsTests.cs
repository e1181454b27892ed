using DurableGateway.Admin;
using DurableGateway.Dashboard.Tests.Support;
using DurableGateway.Runs;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace DurableGateway.Dashboard.Tests;

public sealed class RunsTests(Browser browser)
{
    /// <summary>Nearly all requests are fast, and a minute has failures of attempts only.</summary>
    [Fact]
    public async Task Overview_ShowsTrueQuantiles_AndWhatIsRetried()
    {
        await using var site = await Site.OpenAsync(browser);
        var route = Samples.Overview().Routes[0];
        MinuteCounts[] minutes =
        [
            .. route.Minutes.Select((one, i) => i switch
            {
                10 => one with { Started = 9700, Completed = 9700, Failed = 0, Latency = Samples.Latency(4, 9700) },
                30 => one with { Started = 300, Completed = 300, Failed = 0, Latency = Samples.Latency(6000, 300) },
                50 => one with { Started = 0, Completed = 0, Failed = 0, Latency = new LatencyHistogram(), Retried = 12 },
                _ => one with { Started = 0, Completed = 0, Failed = 0, Latency = new LatencyHistogram() },
            }),
        ];
        site.Admin.Overview = new Overview([route with { Minutes = minutes }], 12, Samples.Now);
        await site.GoAsync("/");

        var latency = site.Page.Locator(".tile").Filter(new() { HasText = "Latency" });
        await Expect(latency.Locator(".value")).ToHaveTextAsync(new System.Text.RegularExpressions.Regex(@"^[34](\.\d)? ms$"));
        await Expect(latency).ToContainTextAsync("99 % within 6.");
        var row = site.Page.Locator(".by-route tbody tr");
        await Expect(row.Locator("[data-label=Failed]")).ToContainTextAsync("12");
        await Expect(site.Page.Locator(".tile").Filter(new() { HasText = "Failure rate" })).ToContainTextAsync("12 attempts to be retried");
        var height = await site.Page.Locator(".bar-fail").Nth(50).GetAttributeAsync("height");
        Assert.True(double.Parse(height!, System.Globalization.CultureInfo.InvariantCulture) > 0, $"The bar is {height} high.");
    }

    [Fact]
    public async Task PausedRuns_AreListed_AndUnknownStatesAreRefused()
    {
        await using var site = await Site.OpenAsync(browser);
        var paused = site.Admin.Put(Samples.Rich()).Run.Id;
        site.Admin.Put(Samples.Rich());
        site.Admin.Change(paused, one => one with { Paused = true });
        await site.GoAsync("/runs");
        await site.Page.GetByRole(AriaRole.Link, new() { Name = "paused", Exact = true }).ClickAsync();
        await Expect(site.Page.Locator("[id^=run-]")).ToHaveCountAsync(1);
        await Expect(site.Page.Locator($"#run-{paused}")).ToContainTextAsync(paused.ToString()[..18]);

        await site.GoAsync("/runs?state=asleep");
        await Expect(site.Page.GetByRole(AriaRole.Heading, new() { Name = "There is no state" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task UnknownPaths_ArePagesForBrowsers_AndProblemsForOthers()
    {
        await using var site = await Site.OpenAsync(browser);
        await site.GoAsync("/nothing/here");
        await Expect(site.Page.GetByRole(AriaRole.Heading, new() { Name = "No such page" })).ToBeVisibleAsync();
        foreach (var path in new[] { "/nothing/here", "/_durable/v1/nothing" })
        {
            using var answer = await site.Client.GetAsync(path);
            Assert.Equal((System.Net.HttpStatusCode.NotFound, "application/problem+json"),
                (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
        }
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/runs")]
    [InlineData("/healthz")]
    [InlineData("/_durable/v1/admin/runs")]
    public async Task Head_IsAnsweredAsGet(string path)
    {
        await using var site = await Site.OpenAsync(null);
        using var asked = new HttpRequestMessage(HttpMethod.Head, path);
        using var answer = await site.Client.SendAsync(asked);
        Assert.Equal(System.Net.HttpStatusCode.OK, answer.StatusCode);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
        using var after = await site.Client.GetAsync(path);
        Assert.Equal(System.Net.HttpStatusCode.OK, after.StatusCode);
    }

    [Fact]
    public async Task OnAPhone_TheNumbersOfStepsAreApart()
    {
        await using var site = await Site.OpenAsync(browser, width: 390);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        site.Admin.Change(run, one => one with { CompletedSteps = 5, FailedSteps = 1, PendingSteps = 2 });
        await site.GoAsync("/runs");
        Assert.Equal("5 1 failed 2 pending", await site.Page.Locator($"#run-{run} .c-steps").InnerTextAsync());
    }

    [Fact]
    public async Task Routes_SayThatCallsBelongToNoRun_AndWhereToReadOn()
    {
        await using var site = await Site.OpenAsync(browser);
        site.Admin.Overview = Samples.Overview();
        await site.GoAsync("/routes");

        var card = site.Page.Locator(".route-card").Filter(new() { HasText = "payments" });
        await Expect(card).ToContainTextAsync("12 calls of this route belonged to no run in the last hour");
        await card.GetByRole(AriaRole.Link, new() { Name = "How to find out" }).ClickAsync();
        await Expect(site.Page.GetByText("Does my service hand it on?")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Filters_AreInTheUrl_AndGoTogether()
    {
        await using var site = await Site.OpenAsync(browser);
        site.Admin.Fill(600);
        var rich = site.Admin.Put(Samples.Rich()).Run.Id;
        await site.GoAsync("/runs");

        await site.Page.GetByLabel("Route").SelectOptionAsync("orders");
        await Expect(site.Page).ToHaveURLAsync(new Uri(site.Base, "/runs?route=orders").ToString());
        await site.Page.GetByRole(AriaRole.Link, new() { Name = "waiting", Exact = true }).ClickAsync();
        await Expect(site.Page).ToHaveURLAsync(new Uri(site.Base, "/runs?state=waiting&route=orders").ToString());
        await site.Page.GetByText("Step and exact times").ClickAsync();
        await site.Page.GetByLabel("Has a step named").FillAsync("fraud-check");
        await site.Page.GetByLabel("Has a step named").PressAsync("Enter");

        await Expect(site.Page.Locator("tbody tr")).ToHaveCountAsync(1);
        await Expect(site.Page.Locator($"#run-{rich}")).ToBeVisibleAsync();
        await Expect(site.Page).ToHaveURLAsync(new Uri(site.Base, "/runs?state=waiting&route=orders&step=fraud-check").ToString());

        await site.Page.GetByLabel("Search").FillAsync("no-such-run");
        await site.Page.GetByLabel("Search").PressAsync("Enter");
        await Expect(site.Page.GetByText("No run matches")).ToBeVisibleAsync();
        await site.Page.GetByRole(AriaRole.Link, new() { Name = "Clear" }).ClickAsync();
        await Expect(site.Page.Locator("tbody tr")).ToHaveCountAsync(50);
        Assert.Empty(site.Errors);
    }

    [Fact]
    public async Task Pages_GoOnWhereTheLastOneEnded()
    {
        await using var site = await Site.OpenAsync(browser);
        site.Admin.Fill(120);
        await site.GoAsync("/runs?route=orders");
        var seen = new HashSet<string>();
        while (true)
        {
            foreach (var id in await site.Page.Locator("tbody tr").EvaluateAllAsync<string[]>("rows => rows.map(row => row.id)"))
                Assert.True(seen.Add(id), $"{id} is on two pages.");
            var older = site.Page.GetByRole(AriaRole.Link, new() { Name = "Older" });
            if (await older.CountAsync() == 0) break;
            await older.ClickAsync();
        }

        var all = await site.Admin.ListAsync(new() { Route = "orders", Limit = 200 });
        Assert.Equal(all.Runs.Count, seen.Count);
    }

    [Fact]
    public async Task Keyboard_SearchesMovesAndOpens()
    {
        await using var site = await Site.OpenAsync(browser);
        site.Admin.Fill(20);
        await site.GoAsync("/runs");

        await site.Page.Keyboard.PressAsync("Tab");
        await Expect(site.Page.GetByText("Skip to content")).ToBeFocusedAsync();
        await site.Page.Keyboard.PressAsync("/");
        await Expect(site.Page.GetByLabel("Search")).ToBeFocusedAsync();
        await site.Page.Keyboard.PressAsync("Escape");
        foreach (var key in new[] { "j", "j", "j", "k" }) await site.Page.Keyboard.PressAsync(key);
        var second = site.Page.Locator("tbody tr").Nth(1).GetByRole(AriaRole.Link);
        await Expect(second).ToBeFocusedAsync();
        var address = await second.GetAttributeAsync("href");
        await site.Page.Keyboard.PressAsync("Enter");
        await Expect(site.Page).ToHaveURLAsync(new Uri(site.Base, address).ToString());
    }

    [Fact]
    public async Task List_FollowsWhatHappens_WithoutReloading()
    {
        await using var site = await Site.OpenAsync(browser);
        await site.GoAsync("/runs");
        await Expect(site.Page.GetByText("No runs yet")).ToBeVisibleAsync();
        await site.Page.EvaluateAsync("window.sameDocument = true");

        var run = site.Admin.Put(Samples.Rich(RunState.Running)).Run.Id;
        var row = site.Page.Locator($"#run-{run}");
        await Expect(row).ToContainTextAsync("running");
        await row.GetByRole(AriaRole.Link).FocusAsync();
        site.Admin.Change(run, one => one with { State = RunState.Completed, EndedAt = Samples.Now });
        await Expect(row).ToContainTextAsync("completed");
        await Expect(row.GetByRole(AriaRole.Link)).ToBeFocusedAsync();
        Assert.True(await site.Page.EvaluateAsync<bool>("window.sameDocument"));
    }

    [Fact]
    public async Task Live_SaysWhenTheGatewayIsAway_AndCanBeSwitchedOff()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich(RunState.Running)).Run.Id;
        await site.GoAsync("/runs");
        await site.Page.RouteAsync("**/runs", route => route.AbortAsync());
        await Expect(site.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("has not answered");
        await site.Page.UnrouteAllAsync();
        await Expect(site.Page.GetByRole(AriaRole.Status)).ToBeEmptyAsync();
        site.Admin.Fails = new StoreUnavailableException("away");
        await Expect(site.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("The store has not answered");
        site.Admin.Fails = null;
        await Expect(site.Page.GetByRole(AriaRole.Status)).ToBeEmptyAsync();

        var live = site.Page.GetByRole(AriaRole.Button, new() { Name = "Live" });
        await live.ClickAsync();
        await Expect(live).ToHaveAttributeAsync("aria-pressed", "false");
        var row = site.Page.Locator($"#run-{run}");
        await Expect(row).ToContainTextAsync("running");
        site.Admin.Change(run, one => one with { State = RunState.Failed });
        await live.ClickAsync();
        await Expect(row).ToContainTextAsync("failed");
    }
}
