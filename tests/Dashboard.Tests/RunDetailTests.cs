using DurableGateway.Dashboard.Tests.Support;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace DurableGateway.Dashboard.Tests;

public sealed class RunDetailTests(Browser browser)
{
    [Fact]
    public async Task Waterfall_TellsQueueingWaitingAndExecutingApart()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        await site.GoAsync($"/runs/{run}");

        var second = site.Page.GetByRole(AriaRole.List, new() { Name = "Attempts" }).GetByRole(AriaRole.Listitem).Nth(1);
        await Expect(second.GetByRole(AriaRole.Img)).ToHaveAttributeAsync("aria-label", "waited 12.0 s, queued 4.50 s, executed 10.8 s");
        await Expect(Step(site, "authorise-payment").Locator("svg.bar")).ToHaveAttributeAsync(
            "aria-label", "executed 2.80 s, waited 20.0 s, queued 4.50 s, executed 5.70 s, 1 failed try");
        await Expect(Step(site, "authorise-payment").Locator("path.try")).ToHaveCountAsync(1);
        await Expect(Step(site, "cool-down").GetByRole(AriaRole.Img)).ToHaveAttributeAsync("aria-label", "waited 20.0 s");
        await Expect(site.Page.Locator(".step.parallel")).ToHaveCountAsync(3);

        // Parallel steps overlap in the timeline.
        var first = await Step(site, "quote-shipping:northwind").Locator("rect.executing").BoundingBoxAsync();
        var beside = await Step(site, "quote-shipping:contoso").Locator("rect.executing").BoundingBoxAsync();
        Assert.True(beside!.X < first!.X + first.Width);

        await site.Page.GetByRole(AriaRole.Link, new() { Name = "Attempt 2" }).ClickAsync();
        await Expect(site.Page.GetByText("Show the whole run")).ToBeVisibleAsync();
        await Expect(site.Page).ToHaveURLAsync(new Uri(site.Base, $"/runs/{run}?attempt=2#waterfall").ToString());
    }

    [Fact]
    public async Task Step_OpensInPlace_WithItsErrorAndStack()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        await site.GoAsync($"/runs/{run}");
        await site.Page.EvaluateAsync("window.sameDocument = true");
        await site.Page.GetByRole(AriaRole.Link, new() { Name = "fraud-check" }).ClickAsync();

        await Expect(site.Page.GetByText("The score could not be computed: the model is being replaced.",
            new() { Exact = true })).ToBeVisibleAsync();
        await Expect(site.Page.GetByLabel("Stack")).ToContainTextAsync("Scorer.cs:line 88");
        await Expect(site.Page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex("step=fraud-check"));
        Assert.True(await site.Page.EvaluateAsync<bool>("window.sameDocument"));

        await site.Page.GoBackAsync();
        await Expect(site.Page.GetByLabel("Stack")).ToHaveCountAsync(0);
        await site.GoAsync($"/runs/{run}?step=reserve-stock");
        await Expect(site.Page.Locator(".detail")).ToContainTextAsync("R-5512");
        Assert.Empty(site.Errors);
    }

    [Fact]
    public async Task FailedTriesAndAttempts_ShowWhatTheServiceSaid()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        await site.GoAsync($"/runs/{run}?step=authorise-payment");

        var step = Step(site, "authorise-payment");
        await Expect(step).ToContainTextAsync("1 failed try");
        await Expect(step).ToContainTextAsync("BankClosedException");
        await Expect(step.GetByLabel("Stack")).ToContainTextAsync("Bank.cs:line 12");
        var first = site.Page.GetByRole(AriaRole.List, new() { Name = "Attempts" }).GetByRole(AriaRole.Listitem).First;
        await first.GetByText("What the service said").ClickAsync();
        await Expect(first.GetByLabel("Body of the failure")).ToContainTextAsync("upstream connect error");
        Assert.Empty(site.Errors);
    }

    [Fact]
    public async Task ThousandsOfSteps_ComeInWindows()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.WithSteps(2345)).Run.Id;
        await site.GoAsync($"/runs/{run}");
        await Expect(site.Page.Locator(".step")).ToHaveCountAsync(100);
        await Expect(site.Page.GetByText("1 to 100 of 2,345")).ToBeVisibleAsync();
        await site.Page.GetByRole(AriaRole.Link, new() { Name = "Later steps" }).ClickAsync();
        await Expect(Step(site, "row-00100")).ToBeVisibleAsync();
        await site.Page.GetByRole(AriaRole.Link, new() { Name = "Fit the timeline to these steps" }).ClickAsync();
        await Expect(site.Page.GetByText("The steps shown, 12.0 s")).ToBeVisibleAsync();
        await site.Page.GetByRole(AriaRole.Link, new() { Name = "Last" }).ClickAsync();
        await Expect(Step(site, "row-02344")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Json_FoldsAndIsSearched()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        await site.GoAsync($"/runs/{run}");
        var body = site.Page.Locator("#request-body");
        await Expect(body.GetByText("Lyon")).ToBeHiddenAsync();
        await body.GetByLabel("Find in this JSON").FillAsync("lyon");
        await Expect(body.GetByText("Lyon")).ToBeVisibleAsync();
        await Expect(body.GetByText("Ines Okafor")).ToBeHiddenAsync();
        await body.GetByLabel("Find in this JSON").FillAsync("");
        await Expect(body.GetByText("Ines Okafor")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Bodies_AreShownByTheirType()
    {
        await using var site = await Site.OpenAsync(browser);
        var pixel = Convert.FromBase64String(
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");
        (string Type, byte[] Body, string Selector, string? Text)[] cases =
        [
            ("image/png", pixel, "#response-body img", null),
            ("text/csv", "a;b\n1;2"u8.ToArray(), "#response-body pre", "a;b"),
            ("application/octet-stream", [0, 1, 2, 0xff, .. "PK"u8], "#response-body pre.hex", "000000  00 01 02 ff 50 4b"),
            ("application/json", "{broken"u8.ToArray(), "#response-body pre", "{broken"),
            ("image/svg+xml", "<svg onload='x()'/>"u8.ToArray(), "#response-body pre", "<svg onload"),
        ];
        foreach (var (type, bytes, selector, text) in cases)
        {
            var run = Samples.Rich(RunState.Completed);
            site.Admin.Put(run with { Response = Samples.Response(type, bytes) });
            await site.GoAsync($"/runs/{run.Run.Id}");
            await Expect(site.Page.Locator(selector)).ToBeVisibleAsync();
            if (text is not null) await Expect(site.Page.Locator(selector)).ToContainTextAsync(text);
            else Assert.Equal(1, await site.Page.Locator(selector).EvaluateAsync<int>("image => image.naturalWidth"));

            using var file = await site.Client.GetAsync(new Uri($"/runs/{run.Run.Id}/body?of=response", UriKind.Relative));
            Assert.Equal(bytes, await file.Content.ReadAsByteArrayAsync());
            Assert.Equal("attachment", file.Content.Headers.ContentDisposition!.DispositionType);
            Assert.Equal("application/octet-stream", file.Content.Headers.ContentType!.MediaType);
        }

        Assert.Empty(site.Errors);
    }

    [Fact]
    public async Task Curl_IsCopied_AndQuotedForAShell()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = Samples.Rich();
        site.Admin.Put(run with { Request = Samples.Request("POST", "/orders?a=1&b='", "it's", "text/plain") });
        await site.Page.Context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        await site.GoAsync($"/runs/{run.Run.Id}");
        await site.Page.GetByText("As a curl command").ClickAsync();

        // The button says it for a moment only, which a poll may miss.
        var said = site.Page.GetByRole(AriaRole.Button, new() { Name = "Copy as curl" }).EvaluateAsync<string>(
            "button => new Promise(said => { "
            + "new MutationObserver(() => said(button.textContent)).observe(button, { childList: true }); button.click(); })");
        Assert.Equal("Copied", await said.WaitAsync(TimeSpan.FromSeconds(60)));
        var copied = await site.Page.EvaluateAsync<string>("navigator.clipboard.readText()");
        Assert.Equal(
            "curl -X 'POST' 'https://shop.example/orders?a=1&b='\\''' \\\n  -H 'Content-Type: text/plain' \\\n  -H 'Authorization: "
            + "Bearer ****' \\\n"
            + "  -H 'User-Agent: checkout/4.2 (it'\\''s here)' \\\n  --data-binary 'it'\\''s'", copied);
    }

    [Fact]
    public async Task MarkupAndScript_InEveryField_AreText()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Hostile());
        site.Admin.Overview = Samples.Overview() with
        {
            Routes = [Samples.Overview().Routes[0] with { Route = run.Run.Route, Policy = run.Run.Route, Cluster = run.Run.Route,
                Destinations = [(run.Run.Route, run.Run.Route)] }],
        };
        var id = run.Run.Id;
        var evil = Uri.EscapeDataString(run.Run.Route);
        string[] paths =
        [
            "/", "/runs", $"/runs?route={evil}&q={evil}&step={evil}&since={evil}", "/routes", $"/events?woken={evil}", $"/runs/{id}",
            $"/runs/{id}?step={Uri.EscapeDataString(run.Steps[0].Id)}&done={evil}", $"/runs/{evil}", $"/runs?cursor={evil}",
        ];
        foreach (var path in paths)
        {
            await site.GoAsync(path);
            foreach (var details in await site.Page.Locator("details").AllAsync()) await details.EvaluateAsync("one => one.open = true");
            Assert.Equal(1, await site.Page.Locator("script").CountAsync());
            Assert.Equal(0, await site.Page.Locator("img, main [onerror], main [onload]").CountAsync());
            Assert.True(await site.Page.EvaluateAsync<bool>("window.pwned === undefined"), path);
        }

        Assert.DoesNotContain(site.Errors, error => error.Contains("Content Security Policy", StringComparison.Ordinal));
    }

    [Fact]
    public async Task UnknownRun_AndStoreThatIsAway_AreSaidInAPage()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        await site.GoAsync($"/runs/{RunId.New(Samples.Now)}");
        await Expect(site.Page.GetByRole(AriaRole.Heading, new() { Name = "No such run" })).ToBeVisibleAsync();
        site.Admin.Fails = new StoreUnavailableException("away");
        await site.GoAsync($"/runs/{run}");
        await Expect(site.Page.GetByRole(AriaRole.Heading, new() { Name = "The store does not answer" })).ToBeVisibleAsync();
        site.Admin.Fails = new InvalidOperationException("<b>secret</b>");
        await site.GoAsync("/");
        await Expect(site.Page.GetByRole(AriaRole.Heading, new() { Name = "The gateway failed" })).ToBeVisibleAsync();
        Assert.DoesNotContain("secret", await site.Page.ContentAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CancelledRun_HasNoResponseToCome()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich(RunState.Cancelled) with { Response = null }).Run.Id;
        await site.GoAsync($"/runs/{run}?step=payment-settled");
        await Expect(site.Page.GetByText("None. The run was cancelled.")).ToBeVisibleAsync();
        Assert.DoesNotContain("None yet", await site.Page.ContentAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_IsShownAsItReads_WithoutEscapes()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = Samples.Rich();
        site.Admin.Put(run with { Request = Samples.Request("POST", "/orders", """{"note":"it\u0027s\nfine"}""") });
        await site.GoAsync($"/runs/{run.Run.Id}");
        Assert.Equal("\"it's\nfine\"", await site.Page.Locator("#request-body .v-string").TextContentAsync());
    }

    [Fact]
    public async Task History_SaysWhatATimeIs()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Rich()).Run.Id;
        await site.GoAsync($"/runs/{run}");
        await site.Page.Locator("#history summary").ClickAsync();
        var history = site.Page.Locator(".history li");
        await Expect(history.Filter(new() { HasText = "try failed" })).ToContainTextAsync("next try");
        await Expect(history.Filter(new() { HasText = "attempt failed" })).ToContainTextAsync("next attempt");
        await Expect(history.Filter(new() { HasText = "suspended" }).First).ToContainTextAsync("due");
        await Expect(history.Filter(new() { HasText = "step waits" })).ToContainTextAsync("until");
    }

    [Fact]
    public async Task Drift_IsShownAsADiff()
    {
        await using var site = await Site.OpenAsync(browser);
        var run = site.Admin.Put(Samples.Drifted()).Run.Id;
        await site.GoAsync($"/runs/{run}");

        await Expect(site.Page.GetByText("1 step did not match")).ToBeVisibleAsync();
        await Expect(site.Page.Locator("#drift")).ToContainTextAsync("The call was not made, and the attempt failed.");
        var rows = site.Page.Locator(".diff tbody tr");
        await Expect(rows).ToHaveCountAsync(3);
        await Expect(rows.Nth(0)).ToContainTextAsync("$.requestedAt");
        await Expect(rows.Nth(0).Locator("del")).ToHaveTextAsync("\"2026-11-23T04:18:27Z\"");
        await Expect(rows.Nth(0).Locator("ins")).ToHaveTextAsync("\"2026-11-23T04:18:41Z\"");
        await Expect(rows.Nth(2)).ToContainTextAsync("none");
    }

    private static ILocator Step(Site site, string name) =>
        site.Page.GetByRole(AriaRole.List, new() { Name = "Steps" }).GetByRole(AriaRole.Listitem).Filter(new()
        {
            Has = site.Page.GetByTitle(name, new() { Exact = true })
        });
}
