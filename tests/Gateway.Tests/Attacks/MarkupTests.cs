using System.Net;
using System.Text.Json;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>
/// Markup and script in all that a client, a service or a sender of events decides, on every page that shows it, by way of the whole
/// gateway. (What a browser makes of it is tried with the dashboard's own tests.)
/// </summary>
public sealed class MarkupTests
{
    private const string Evil = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"</title></textarea>";
    private static readonly string Encoded = Uri.EscapeDataString(Evil);

    [Theory]
    [InlineData("text/html")]
    [InlineData("image/svg+xml")]
    [InlineData("application/json")]
    [InlineData("application/xhtml+xml")]
    public async Task WhatOthersWrote_IsTextOnEveryPage(string contentType)
    {
        await using var world = await World.StartAsync(World.RetryMuchLater, "Durable:Policies:default:Retry:MaxAttempts=2");
        var attempt = await world.BeginAsync(("X-Evil", Evil),
            ("Idempotency-Key", $"{Guid.NewGuid()}{Evil.Replace("\"", "", StringComparison.Ordinal)}"), ("Referer", "javascript:alert(3)"));
        await attempt.PutAsync(Encoded, Evil, ("Content-Type", contentType));
        await attempt.FailAsync("failing-" + Encoded, ("Durable-Retry", "?0"));
        await attempt.PutAsync("problem",
            JsonSerializer.Serialize(new { title = Evil, detail = Evil, exceptionType = Evil, stackTrace = Evil }),
            ("Durable-Step-Outcome", "failed"), ("Durable-Retry", "?0"), ("Content-Type", "application/problem+json"));
        await attempt.PutTypeAsync("wait", "waiting", ("Durable-Event-Type", Encoded), ("Durable-Event-Key", Encoded));
        attempt.Answer(500, Evil, ("Durable-Retry", "?0"), ("Content-Type", contentType), ("X-Evil", Evil));
        using var answer = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);

        foreach (var path in new[]
        {
            $"/runs/{attempt.RunId}", $"/runs/{attempt.RunId}?step={Encoded}", $"/runs/{attempt.RunId}?step=problem",
            $"/runs/{attempt.RunId}?step=waiting", $"/runs/{attempt.RunId}?done={Encoded}&from={Encoded}&attempt={Encoded}",
            "/runs", $"/runs?search={Encoded}&route={Encoded}&step={Encoded}&state={Encoded}&cursor={Encoded}", $"/runs/{Encoded}",
            $"/events?woken={Encoded}", $"/login?next={Encoded}", "/", "/routes",
        }) await AssertHarmlessAsync(world, path);

        using var stream = new HttpRequestMessage(HttpMethod.Get,
            (await world.CallAsync(HttpMethod.Get, $"runs/{attempt.RunId}")).Json.GetProperty("resultUrl").GetString());
        stream.Headers.Accept.ParseAdd("text/event-stream");
        using var progress = await world.Gateway.Client.SendAsync(stream);
        Assert.Equal("text/event-stream", progress.Content.Headers.ContentType!.MediaType);
    }

    private static async Task AssertHarmlessAsync(World world, string path)
    {
        using var page = await world.Gateway.Client.GetAsync(new Uri(world.Gateway.Control, path));
        var html = await page.Content.ReadAsStringAsync();
        Assert.DoesNotContain("<script>", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img src=x", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("href=\"javascript:", html, StringComparison.OrdinalIgnoreCase);
        var policy = page.Headers.TryGetValues("Content-Security-Policy", out var values) ? values.Single() : "";
        Assert.True(policy.StartsWith("default-src 'none'; style-src 'self'; script-src 'self';", StringComparison.Ordinal)
            || page.StatusCode == HttpStatusCode.SeeOther, $"{path}: {page.StatusCode} {policy}");
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
    }
}
