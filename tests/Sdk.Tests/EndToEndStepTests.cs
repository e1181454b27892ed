using System.Net;
using System.Text.Json;
using DurableGateway.Client.Tests.Support;
using DurableGateway.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Fetches and compensations behind the real gateway.</summary>
public sealed class EndToEndStepTests(Journeys journeys) : IClassFixture<Journeys>
{
    [Fact]
    public async Task Fetch_IsSentUntilItSucceeds_AndThenNeverAgain()
    {
        var journey = new Journey(async (step, context, me) =>
        {
            using var rate = await step.FetchAsync("rate", _ => Task.FromResult(
                me.Count("rate") < 3 ? new HttpResponseMessage(HttpStatusCode.ServiceUnavailable) : new HttpResponseMessage
                {
                    Content = new StringContent("1.08")
                }));
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
            step.OnRollback("cancel hotel",
                _ => me.Count("cancel hotel") < 2 ? throw new TimeoutException("busy") : throw new NonRetryableException("too late"));
            if (me.Count("handler") == 1) throw new NonRetryableException("shift 3") { ClientMessage = "closed" };
            await step.RunAsync("pay", _ => Task.FromResult(me.Count("pay")));
        });

        using var response = await SendAsync(journey);

        Assert.Equal((HttpStatusCode.InternalServerError, "failed"), (response.StatusCode, response.Header("Durable-Status")));
        var problem = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("closed", problem.GetProperty("detail").GetString());
        Assert.Equal("cancel hotel",
            Assert.Single(problem.GetProperty("compensationFailures").EnumerateArray()).GetProperty("step").GetString());
        Assert.Equal((1, 1, 3, 2, 0), (journey.Executed("flight"), journey.Executed("hotel"), journey.Executed("cancel flight"),
            journey.Executed("cancel hotel"), journey.Executed("pay")));
    }

    [Fact]
    public async Task Branches_GoOnWhileOneWaits_AndTheEventOfOneWakesTheOther()
    {
        var topic = Guid.NewGuid().ToString();
        var journey = new Journey(async (step, context, me) =>
        {
            var waiting = step.WaitForEventAsync<string>("ordered", topic);
            await step.RunAsync("reserve", _ => Task.FromResult(me.Count("reserve")));
            await step.RunAsync("order", _ => me.Count("order") < 2 ? throw new TimeoutException("busy") : Task.CompletedTask);
            await step.SendEventAsync("tell", topic, null, "o-1");
            await context.Response.WriteAsync($"{await waiting}");
        });

        using var response = await SendAsync(journey);

        Assert.Equal("o-1", await response.Content.ReadAsStringAsync());
        Assert.Equal((1, 2), (journey.Executed("reserve"), journey.Executed("order")));
    }

    [Fact]
    public async Task HandlerThatEndsWhileAStepIsPending_HasEndedItsRun()
    {
        var journey = new Journey(async (step, context, me) =>
        {
            var patience = step.SleepAsync("patience", TimeSpan.FromDays(1));
            var pay = step.RunAsync("pay", _ => me.Count("pay") < 2 ? throw new TimeoutException("busy") : Task.FromResult("paid"));
            await context.Response.WriteAsync(await Task.WhenAny(patience, pay) == pay ? await pay : "too late");
        });

        using var response = await SendAsync(journey);

        Assert.Equal(("paid", "completed"), (await response.Content.ReadAsStringAsync(), response.Header("Durable-Status")));
        Assert.Equal((2, 2), (journey.Executed("pay"), journey.Attempts));
    }

    [Fact]
    public async Task Stream_ThatIsCutOff_IsResumedAtTheResultUrl()
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var journey = new Journey(async (step, context, me) =>
        {
            var isFirst = me.Count("handler") == 1;
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers["Durable-Stream"] = "resume";
            _ = int.TryParse(context.Request.Headers["Last-Event-ID"], out var last);
            for (var id = last + 1; id <= 6; id++)
            {
                await context.Response.WriteAsync($"id: {id}\ndata: part {id}\n\n");
                await context.Response.Body.FlushAsync();
                if (!isFirst || id != 3) continue;
                await seen.Task;
                context.Abort();
                return;
            }
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, journeys.Add("stream", journey));
        request.Headers.Add("Accept", "text/event-stream");
        using var response = await journeys.Gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var live = new StreamReader(await response.Content.ReadAsStreamAsync());
        while (await live.ReadLineAsync() != "data: part 3")
        {
            // The events before the last one.
        }

        seen.SetResult();
        using var resumed = new HttpRequestMessage(HttpMethod.Get, response.Header("Durable-Result"));
        resumed.Headers.Add("Accept", "text/event-stream");
        resumed.Headers.Add("Last-Event-ID", "3");
        using var rest = await journeys.Gateway.Client.SendAsync(resumed);

        var parts = (await rest.Content.ReadAsStringAsync()).Split('\n').Where(line => line.StartsWith("data:", StringComparison.Ordinal));
        Assert.Equal(["data: part 4", "data: part 5", "data: part 6"], parts);
    }

    [Fact]
    public async Task Event_SentByAnotherHandler_WakesTheOneThatWaits()
    {
        var topic = Guid.NewGuid().ToString();
        var waits = new Journey(async (step, context, _) =>
            await context.Response.WriteAsync(
                $"by {await step.WaitForEventAsync<string>("approval", topic, key: "größe 7", timeout: TimeSpan.FromMinutes(1))}"));
        var sends = new Journey(async (step, context, me) =>
        {
            var woken = await step.SendEventAsync("approve", topic, "größe 7", "Ann");
            if (me.Count("handler") == 1) throw new TimeoutException("once more");
            await context.Response.WriteAsync($"{woken}");
        });

        var waiting = SendAsync(waits);
        await Eventually.TrueAsync(() => waits.Attempts > 0, "it waits");
        using var sent = await SendAsync(sends);
        using var approved = await waiting;

        Assert.Equal("by Ann", await approved.Content.ReadAsStringAsync());
        Assert.Contains(await sent.Content.ReadAsStringAsync(), new[] { "0", "1" });
    }

    [Fact]
    public async Task Event_ThatDoesNotCome_IsNull()
    {
        var journey = new Journey(async (step, context, _) =>
            await context.Response.WriteAsync(
                await step.WaitForEventAsync<string>("approval", Guid.NewGuid().ToString(), timeout: TimeSpan.FromMilliseconds(200))
                    ?? "nobody"));
        using var response = await SendAsync(journey);
        Assert.Equal("nobody", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Callback_IsHandedOutOnce_AndCompletedByItsUrl()
    {
        using var http = new HttpClient();
        var journey = new Journey(async (step, context, me) =>
        {
            var signed = await step.CallbackAsync<string>("signed", async (url, cancellation) =>
            {
                me.Count("hand out");
                using var answer = await http.PostAsync(url, JsonContent.Create("by Ann"), cancellation);
                answer.EnsureSuccessStatusCode();
            });
            await context.Response.WriteAsync($"signed {signed}");
        });
        using var response = await SendAsync(journey);
        Assert.Equal("signed by Ann", await response.Content.ReadAsStringAsync());
        Assert.Equal(1, journey.Executed("hand out"));
    }

    [Fact]
    public async Task Invoke_GivesTheOtherRunsAnswer_OrItsFailure()
    {
        var child = journeys.Add("minimal", new Journey(async (step, context, me) =>
        {
            var number = await context.Request.ReadFromJsonAsync<int>();
            await step.RunAsync("count", _ => Task.FromResult(me.Count("count")));
            if (number < 0) context.Response.StatusCode = 409;
            else await context.Response.WriteAsJsonAsync(number + 1);
        }));
        var parent = new Journey(async (step, context, _) =>
        {
            var sum = await step.InvokeAsync<int>("good", child, 41);
            var failed = await Assert.ThrowsAsync<StepFailedException>(() => step.InvokeAsync<int>("bad", child, -1));
            await context.Response.WriteAsync($"{sum} {failed.Problem.Type}");
        });
        using var response = await SendAsync(parent);
        Assert.Equal("42 /_durable/problems/invoke-failed", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task AtMostOnce_IsNotExecutedAgain_WhenNobodyKnowsHowItEnded()
    {
        var journey = new Journey(async (step, context, me) =>
        {
            try
            {
                await step.RunAsync("pay", _ =>
                {
                    me.Count("pay");
                    context.Abort();
                    return new TaskCompletionSource<int>().Task.WaitAsync(_);
                }, new StepOptions { AtMostOnce = true });
            }
            catch (StepFailedException e)
            {
                await context.Response.WriteAsync(e.Problem.Type!);
            }
        });
        using var response = await SendAsync(journey);
        Assert.Equal("/_durable/problems/step-interrupted", await response.Content.ReadAsStringAsync());
        Assert.Equal(1, journey.Executed("pay"));
    }

    private async Task<HttpResponseMessage> SendAsync(Journey journey)
    {
        using var body = new StringContent("the body");
        return await journeys.Gateway.Follower.PostAsync(new Uri(journeys.Add("minimal", journey), UriKind.Relative), body)
            .WaitAsync(TimeSpan.FromSeconds(60));
    }
}
