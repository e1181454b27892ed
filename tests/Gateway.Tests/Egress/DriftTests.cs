using System.Net;
using System.Text.Json;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Tests.Egress;

/// <summary>Replays whose calls differ from those of the attempt before.</summary>
public sealed class DriftTests
{
    [Fact]
    public async Task UnsafeCallThatDiffers_IsNotMade_AndTheRunFails()
    {
        await using var checkout = await StartAsync();

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal(HttpStatusCode.Conflict, result.StatusCode);
        var problem = await result.Content.ReadAsStringAsync();
        Assert.Contains("step-drift", problem, StringComparison.Ordinal);
        Assert.Contains("$.at", problem, StringComparison.Ordinal);
        Assert.Single(checkout.Ledger);
    }

    [Fact]
    public async Task IgnoredPath_DoesNotCount()
    {
        await using var checkout = await StartAsync("Durable.Step.Ignore=$.at");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1", await result.Content.ReadAsStringAsync());
        Assert.Single(checkout.Ledger);
    }

    [Fact]
    public async Task Remember_AnswersByOrder()
    {
        await using var checkout = await StartAsync("Durable.Step.Drift=Remember");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1", await result.Content.ReadAsStringAsync());
        Assert.Single(checkout.Ledger);
    }

    [Fact]
    public async Task Execute_MakesTheCall()
    {
        await using var checkout = await StartAsync("Durable.Step.Drift=Execute");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 2", await result.Content.ReadAsStringAsync());
        Assert.Equal(2, checkout.Ledger.Length);
    }

    /// <summary>A service that makes its calls at once makes them in any order, which is no drift.</summary>
    [Fact]
    public async Task CallsMadeAtOnce_FindTheirOutcomesInAnyOrder()
    {
        await using var checkout = await Checkout.StartAsync(async (checkout, context, count) =>
        {
            if (count == 1)
            {
                // Only one of the two is remembered.
                using var charged = await checkout.CallAsync(context, "a");
                context.Response.StatusCode = 503;
                return;
            }

            var other = checkout.CallAsync(context, "b");
            var same = checkout.CallAsync(context, "a");
            await context.Response.WriteAsync(await (await same).Content.ReadAsStringAsync());
            await context.Response.WriteAsync(await (await other).Content.ReadAsStringAsync());
        });

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.Equal("receipt 1receipt 2", await result.Content.ReadAsStringAsync());
        Assert.Equal(["a", "b"], checkout.Ledger);
    }

    [Fact]
    public async Task Drift_IsInTheHistory()
    {
        await using var checkout = await StartAsync("Durable.Step.Drift=Execute");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        Assert.True(RunId.TryParse(checkout.Service.Seen.First()["Durable-Run-Id"], out var run));
        var history = await checkout.Gateway.Services.GetRequiredService<IRunHistory>().GetAsync(run);
        Assert.Equal("payments POST /payments/charges differs from step 'payments POST /payments/charges' in $.at.",
            history.Single(entry => entry.Kind == HistoryKind.Mismatch).Text);
    }

    [Fact]
    public async Task Values_AreKept_Masked_AndShortened()
    {
        var text = new string('x', 5000);
        await using var checkout = await StartAsync(
            count => JsonSerializer.Serialize(new
            {
                amount = 10,
                card = new { number = $"4111-{count}", holder = $"Ada {count}" },
                lines = new[] { new { sku = "tea", price = count } },
                note = text + count,
                requestedAt = count,
            }),
            "application/json", "Durable.Step.Drift=Execute", "Durable.Step.Ignore=$.requestedAt",
            "Durable:Admin:Mask:JsonPaths:0=card.number");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        var entry = await MismatchAsync(checkout);
        Assert.Equal(JsonValueKind.Null, entry.GetProperty("until").ValueKind);
        Assert.EndsWith("differs from step 'payments POST /payments/charges' in $.card.number, $.card.holder, $.lines[0].price, $.note.",
            entry.GetProperty("text").GetString(), StringComparison.Ordinal);
        var drift = entry.GetProperty("drift");
        Assert.Equal("execute", drift.GetProperty("reaction").GetString());
        var differences = drift.GetProperty("differences").EnumerateArray()
            .Select(one => (Path: one.GetProperty("path").GetString(), Old: one.GetProperty("old").GetString(),
                New: one.GetProperty("new").GetString())).ToArray();
        Assert.Equal([("$.card.number", "\"***\"", "\"***\""), ("$.card.holder", "\"Ada 1\"", "\"Ada 2\""), ("$.lines[0].price", "1", "2")],
            differences[..3]);
        Assert.StartsWith("\"xxx", differences[3].Old, StringComparison.Ordinal);
        Assert.InRange(differences[3].Old!.Length, 10, 300);
        Assert.Contains("$.lines[0].price: 1 → 2", entry.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/x-www-form-urlencoded", "amount=10&card=4111-{0}&at={0}&at=9", "card", "\"***\"", "at", "\"1\"")]
    [InlineData("text/plain", "charge {0}", "$", "\"SHA-256 ", null, null)]
    public async Task Values_OfFormsAndOtherBodies_AreKept(
        string type, string body, string path, string old, string? nextPath, string? nextOld)
    {
        await using var checkout = await StartAsync(
            count => body.Replace("{0}", $"{count}", StringComparison.Ordinal), type,
            "Durable.Step.Drift=Execute", "Durable:Admin:Mask:JsonPaths:0=card");

        using var result = await checkout.Gateway.Follower.GetAsync("/order");

        var differences = (await MismatchAsync(checkout)).GetProperty("drift").GetProperty("differences");
        Assert.Equal(nextPath is null ? 1 : 2, differences.GetArrayLength());
        Assert.Equal(path, differences[0].GetProperty("path").GetString());
        Assert.StartsWith(old, differences[0].GetProperty("old").GetString(), StringComparison.Ordinal);
        if (nextPath is null) return;
        Assert.Equal(nextPath, differences[1].GetProperty("path").GetString());
        Assert.Equal(nextOld, differences[1].GetProperty("old").GetString());
    }

    [Fact]
    public async Task CallsWithoutARun_AreCountedByRoute()
    {
        await using var checkout = await StartAsync();
        for (var i = 0; i < 3; i++)
        {
            using var call = await Checkout.Client.SendAsync(checkout.Request(null, "{}"));
            Assert.Equal(HttpStatusCode.Created, call.StatusCode);
        }

        using var client = new HttpClient { BaseAddress = checkout.Gateway.Control };
        var overview = await client.GetFromJsonAsync<JsonElement>("/_durable/v1/admin/overview");

        var route = overview.GetProperty("routes").EnumerateArray().Single(one => one.GetProperty("route").GetString() == "payments");
        Assert.Equal("remember", route.GetProperty("calls").GetString());
        Assert.Equal(3, route.GetProperty("minutes").EnumerateArray().Sum(minute => minute.GetProperty("unbound").GetInt64()));
    }

    /// <summary>The entry of the drift, as the admin API gives it.</summary>
    private static async Task<JsonElement> MismatchAsync(Checkout checkout)
    {
        Assert.True(RunId.TryParse(checkout.Service.Seen.First()["Durable-Run-Id"], out var run));
        using var client = new HttpClient { BaseAddress = checkout.Gateway.Control };
        var detail = await client.GetFromJsonAsync<JsonElement>($"/_durable/v1/admin/runs/{run}");
        var clients = await checkout.Gateway.Services.GetRequiredService<IRunHistory>().GetAsync(run);
        Assert.All(clients, entry => Assert.Null(entry.Drift));
        return detail.GetProperty("history").EnumerateArray().Single(entry => entry.GetProperty("kind").GetString() == "Mismatch");
    }

    /// <summary>The body of the only call has the number of the attempt.</summary>
    private static Task<Checkout> StartAsync(params string[] settings) =>
        StartAsync(count => $$"""{"amount":10,"at":{{count}}}""", "application/json", settings);

    private static Task<Checkout> StartAsync(Func<int, string> body, string type, params string[] settings) =>
        Checkout.StartAsync(async (checkout, context, count) =>
    {
        using var request = checkout.Request(context.Request.Headers[Checkout.TraceState], body(count));
        request.Content!.Headers.ContentType = new(type);
        using var charged = await Checkout.Client.SendAsync(request);
        context.Response.StatusCode = count == 1 || !charged.IsSuccessStatusCode ? 503 : 200;
        await context.Response.WriteAsync(await charged.Content.ReadAsStringAsync());
    }, null, settings);
}
