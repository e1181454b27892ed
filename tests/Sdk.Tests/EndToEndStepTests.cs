using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using DurableGateway.Client.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Client.Tests;

/// <summary>Fetching and undoing before the real gateway.</summary>
public sealed class EndToEndStepTests(Journeys journeys) : IClassFixture<Journeys>
{
    [Fact]
    public async Task Fetch_IsSentUntilItSucceeds_AndThenNeverAgain()
    {
        var journey = new Journey(async (step, context, me) =>
        {
            using var rate = await step.FetchAsync("rate", _ => Task.FromResult(
                me.Count("rate") < 3 ? new HttpResponseMessage(HttpStatusCode.ServiceUnavailable) : new HttpResponseMessage { Content = new StringContent("1.08") }));
            await step.RunAsync("notify", _ => me.Count("notify") < 2 ? throw new TimeoutException() : Task.CompletedTask);
            await context.Response.WriteAsync($"{await rate.Content.ReadAsStringAsync()} {rate.Content.Headers.ContentType}");
        });

        using var response = await SendAsync(journey);

        Assert.Equal("1.08 text/plain; charset=utf-8", await response.Content.ReadAsStringAsync());
        Assert.Equal((3, 2), (journey.Executed("rate"), journey.Executed("notify")));
    }

    [Fact]
    public async Task Rollback_SurvivesTheTriesOfItsCompensations()
    {
        var journey = new Journey(async (step, context, me) =>
        {
            await step.RunAsync("flight", _ => Task.FromResult(me.Count("flight")));
            step.OnRollback("cancel flight", _ => me.Count("cancel flight") < 3 ? throw new TimeoutException("busy") : Task.CompletedTask);
            await step.RunAsync("hotel", _ => Task.FromResult(me.Count("hotel")));
            step.OnRollback("cancel hotel", _ => me.Count("cancel hotel") < 2 ? throw new TimeoutException("busy") : throw new NonRetryableException("too late"));
            if (me.Count("handler") == 1) throw new NonRetryableException("closed");
            await step.RunAsync("pay", _ => Task.FromResult(me.Count("pay")));
        });

        using var response = await SendAsync(journey);

        Assert.Equal((HttpStatusCode.InternalServerError, "failed"), (response.StatusCode, response.Header("Durable-Status")));
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("closed", problem.GetProperty("detail").GetString());
        Assert.Equal("cancel hotel", Assert.Single(problem.GetProperty("compensationFailures").EnumerateArray()).GetProperty("step").GetString());
        Assert.Equal((1, 1, 3, 2, 0), (journey.Executed("flight"), journey.Executed("hotel"), journey.Executed("cancel flight"), journey.Executed("cancel hotel"), journey.Executed("pay")));
    }

    private async Task<HttpResponseMessage> SendAsync(Journey journey)
    {
        using var body = new StringContent("the body");
        return await journeys.Gateway.Follower.PostAsync(new Uri(journeys.Add("minimal", journey), UriKind.Relative), body).WaitAsync(TimeSpan.FromSeconds(20));
    }
}
