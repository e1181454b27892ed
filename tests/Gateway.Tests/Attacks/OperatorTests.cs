using System.Net;
using System.Text.RegularExpressions;
using DurableGateway.Cli;
using DurableGateway.Dashboard;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>
/// An operator's browser, terminal and log do nothing for those who write what is shown there, or for sites that are open beside it.
/// </summary>
public sealed class OperatorTests
{
    private const string Key = "operator-key-of-the-tests";

    /// <summary>A name that was made to point to this machine is same-origin to the browser: it sends any content type.</summary>
    [Theory]
    [InlineData("rebound.example", "same-origin", 403)]
    [InlineData("rebound.example", null, 403)]
    [InlineData("127.0.0.1", "cross-site", 403)]
    [InlineData("127.0.0.1", null, 202)]
    [InlineData("localhost", "same-origin", 202)]
    public async Task PageOfAnotherSite_SendsNoEvents_WhereThereAreNoKeys(string host, string? site, int status)
    {
        await using var world = await World.StartAsync();
        Assert.Equal(status, await SendEventAsync(world, host, site, null, "/elsewhere"));
    }

    /// <summary>Services reach the control listener by any name that they were given.</summary>
    [Fact]
    public async Task AttemptThatCallsByAnotherName_SendsEventsOfItsRun()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync();
        Assert.Equal(202, await SendEventAsync(world, "gateway.internal", null, attempt.Token, $"/_durable/v1/runs/{attempt.RunId}"));
        Assert.Equal(401, await SendEventAsync(world, "gateway.internal", null, attempt.Token, "/elsewhere"));
    }

    /// <summary>Browsers leave tabs and line ends out of an address, and then it begins with two slashes.</summary>
    [Theory]
    [InlineData("/\t/evil.example/")]
    [InlineData("/\n/evil.example/")]
    [InlineData("/\r\n\\evil.example/")]
    public async Task Login_LeadsToNoOtherSite(string next)
    {
        await using var world = await World.StartAsync("Durable:Admin:ApiKeys:0=" + Key);
        using var login = await LogInAsync(world, next);
        Assert.Equal(HttpStatusCode.SeeOther, login.StatusCode);
        Assert.Equal("/", login.Headers.NonValidated["Location"].ToString());
    }

    /// <summary>Who has no key yet is read for as long as a key may be.</summary>
    [Fact]
    public async Task LoginOfAnySize_IsNotRead()
    {
        await using var world = await World.StartAsync("Durable:Admin:ApiKeys:0=" + Key);
        using var login = await LogInAsync(world, "/" + new string('a', 20_000));
        Assert.Equal(HttpStatusCode.Forbidden, login.StatusCode);
    }

    /// <summary>Cookies know no ports: where both listeners have one host name, a browser sends the dashboard's to either.</summary>
    [Theory]
    [InlineData("durable-session=s", null)]
    [InlineData("durable-session=s; durable-form=f", null)]
    [InlineData("a=1; durable-session=s; b=durable-session;durable-form=f; c=\"x\"", "a=1; b=durable-session; c=\"x\"")]
    [InlineData("durable-session=s;b=2; b=3", "b=2; b=3")]
    [InlineData("my-durable-session=s;  durable-forms=f", "my-durable-session=s;  durable-forms=f")]
    public async Task SessionOfTheDashboard_ReachesNoService(string sent, string? seen)
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var attempt = await world.BeginAsync(("Cookie", sent));
        Assert.Equal(seen, attempt.Request["Cookie"]);
    }

    [Fact]
    public async Task PathOfAClient_DoesNotSteerTheTerminal()
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, World.RetryMuchLater);
        using var redirect = await gateway.Client.GetAsync(new Uri("/a%1b]0;owned%07%c2%9b31m%0db", UriKind.Relative));
        var run = redirect.Headers.GetValues("Durable-Run-Id").Single();
        foreach (var command in new[] { new[] { "show", run }, ["list"] })
        {
            using var output = new StringWriter();
            Assert.Equal(0, await RunsCommand.RunAsync(["runs", .. command, "--url", gateway.Control.ToString()], output));
            Assert.Contains("/a]0;owned31mb", output.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain(output.ToString(), letter => char.IsControl(letter) && letter is not ('\r' or '\n'));
        }
    }

    [Fact]
    public async Task NameOfAStep_IsNoLineOfTheLog()
    {
        const string Step = "a%0a12:00:00.000 info: forged%1b[2K%0d";
        var log = new LogSink();
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            var seen = SeenRequest.Of(context, []);
            var step = Step.Replace(" ", "%20", StringComparison.Ordinal);
            await Checkpoint.PutAsync(seen, step, "1");
            await Checkpoint.PutAsync(seen, step, "", ("Durable-Step-Type", "sleep"), ("Durable-Step-For", "1"));
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            builder => builder.Logging.AddProvider(log), World.RetryMuchLater);
        using var answer = await gateway.Client.GetAsync(new Uri("/", UriKind.Relative));
        Assert.Contains("\"a%0A12:00:00.000 info: forged%1B[2K%0D\";stored=run;asked=sleep",
            Assert.Single(log.Of(123)).Text, StringComparison.Ordinal);
    }

    private static async Task<HttpResponseMessage> LogInAsync(World world, string next)
    {
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = world.Gateway.Control };
        var token = Regex.Match(await browser.GetStringAsync(new Uri("/login", UriKind.Relative)),
            $"name=\"{SessionCookies.FormField}\" value=\"([^\"]+)\"").Groups[1].Value;
        using var form = new FormUrlEncodedContent([new(SessionCookies.FormField, token), new("key", Key), new("next", next)]);
        return await browser.PostAsync(new Uri("/login", UriKind.Relative), form);
    }

    private static async Task<int> SendEventAsync(World world, string host, string? site, string? token, string source)
    {
        using var call = new HttpRequestMessage(HttpMethod.Post, new Uri(world.Gateway.Control, "/_durable/v1/events"));
        call.Headers.Host = host;
        if (site is not null) call.Headers.Add("Sec-Fetch-Site", site);
        if (token is not null) call.Headers.Add("Durable-Token", token);
        call.Content = new StringContent(
            $$"""{"specversion":"1.0","id":"{{Guid.NewGuid()}}","source":"{{source}}","type":"operator.tests"}""");
        call.Content.Headers.ContentType = new("application/cloudevents+json");
        using var answer = await world.Gateway.Client.SendAsync(call);
        return (int)answer.StatusCode;
    }
}
