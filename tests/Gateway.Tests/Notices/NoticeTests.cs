using System.Collections.Immutable;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using DurableGateway.Notices;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Notices;

public sealed class EmbeddedNoticeTests : NoticeTests<OnEmbedded>;

public sealed class RedisNoticeTests : NoticeTests<OnRedis>;

/// <summary>Operators are told by a webhook of what they should know: signed CloudEvents, again until they have got them.</summary>
public abstract class NoticeTests<TStore> : IAsyncLifetime where TStore : IStoreChoice
{
    private static readonly ImmutableArray<byte> Secret = [.. Enumerable.Repeat((byte)7, 32)];

    private readonly Channel<SeenRequest> _told = Channel.CreateUnbounded<SeenRequest>();
    private TestService _webhook = null!;
    private Func<int, int> _status = _ => 204;

    public async ValueTask InitializeAsync() => _webhook = await TestService.StartAsync((context, count) =>
    {
        context.Response.StatusCode = _status(count);
        if (context.Response.StatusCode == 307) context.Response.Headers.Location = "/elsewhere";
        _told.Writer.TryWrite(_webhook.Seen.Last());
        return Task.CompletedTask;
    });

    public async ValueTask DisposeAsync()
    {
        await _webhook.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task RunThatFailsForGood_IsTold_Signed()
    {
        await using var service = await TestService.StartAsync((context, _) => FailAsync(context));
        await using var gateway = await StartAsync(service, "Durable:Policies:default:Retry:MaxAttempts=2",
            "Durable:Policies:default:Retry:Delay=00:00:00.010");

        using var answer = await gateway.Client.PostAsync("/orders?card=4111", new StringContent("x"));
        var told = await NextAsync();

        var id = told["webhook-id"]!;
        Assert.Equal(NoticeDelivery.Sign(Secret, id, long.Parse(told["webhook-timestamp"]!,
            System.Globalization.CultureInfo.InvariantCulture), told.Body), told["webhook-signature"]);
        Assert.StartsWith("application/cloudevents+json", told["Content-Type"], StringComparison.Ordinal);
        using var json = JsonDocument.Parse(told.Body);
        var notice = json.RootElement;
        Assert.Equal(("1.0", "durable-gateway.run.failed", id), (Text(notice, "specversion"), Text(notice, "type"), Text(notice, "id")));
        var data = notice.GetProperty("data");
        var run = Text(data, "runId");
        Assert.Equal((run, "upstream", "POST", "/orders", "failed", 2), (Text(notice, "subject"), Text(data, "route"), Text(data, "method"),
            Text(data, "path"), Text(data, "state"), data.GetProperty("attempt").GetInt32()));
        Assert.StartsWith("status 500", Text(data, "lastError"), StringComparison.Ordinal);
        Assert.Equal($"{gateway.Control.ToString().TrimEnd('/')}/runs/{run}", Text(data, "url"));
        Assert.Contains(run!, await gateway.Client.GetStringAsync(Text(data, "url")), StringComparison.Ordinal);
        Assert.DoesNotContain("4111", Encoding.UTF8.GetString(told.Body), StringComparison.Ordinal);
        await AssertSettledAsync(gateway);
    }

    [Fact]
    public async Task WebhookThatAnswersWithAnError_IsToldAgain_TheSame()
    {
        _status = count => count < 2 ? 500 : 200;
        await using var service = await TestService.StartAsync((context, _) => FailAsync(context));
        await using var gateway = await StartAsync(service, "Durable:Policies:default:Retry:MaxAttempts=2",
            "Durable:Policies:default:Retry:Delay=00:00:00.010");

        using var answer = await gateway.Client.GetAsync("/orders");
        var (first, second) = (await NextAsync(), await NextAsync());

        Assert.Equal(first["webhook-id"], second["webhook-id"]);
        await AssertSettledAsync(gateway);
    }

    [Fact]
    public async Task StuckRun_IsTold_AndGoesOnBeingTried()
    {
        var fails = true;
        await using var service = await TestService.StartAsync((context, _) =>
            Volatile.Read(ref fails) ? FailAsync(context) : Task.CompletedTask);
        await using var gateway = await StartAsync(service, "Durable:Notices:StuckAfter=00:00:01", "Durable:Notices:Kinds=stuck",
            "Durable:Policies:default:Retry:MaxAttempts=100", "Durable:Policies:default:Retry:Delay=00:00:00.300",
            "Durable:Policies:default:Retry:Backoff=Constant");

        using var redirect = await gateway.Client.GetAsync("/orders");
        var told = await NextAsync();
        using var json = JsonDocument.Parse(told.Body);
        Assert.Equal("durable-gateway.run.stuck", Text(json.RootElement, "type"));
        Volatile.Write(ref fails, false);
        using var answer = await gateway.Follower.GetAsync(redirect.Headers.Location);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task WebhookThatRedirects_IsNotFollowed()
    {
        _status = _ => 307;
        await using var service = await TestService.StartAsync((context, _) => FailAsync(context));
        await using var gateway = await StartAsync(service, "Durable:Policies:default:Retry:MaxAttempts=2",
            "Durable:Policies:default:Retry:Delay=00:00:00.010");

        using var answer = await gateway.Client.GetAsync("/orders");
        await NextAsync();

        // It stays in the queue, and is put off.
        await Eventually.TrueAsync(async () =>
            await gateway.Store.GetQueueFiguresAsync(TimeProvider.System.GetUtcNow()) is { Open: 1, Overdue: 0 }, "the notice is put off");
        Assert.Equal("/told", Assert.Single(_webhook.Seen).Target);
    }

    private static Task FailAsync(HttpContext context)
    {
        context.Response.StatusCode = 500;
        return Task.CompletedTask;
    }

    private static string? Text(JsonElement json, string name) => json.GetProperty(name).GetString();

    private async Task<GatewayHost> StartAsync(TestService service, params string[] settings)
    {
        string[] all =
        [
            "Durable:Lease=00:00:01", $"Durable:Notices:Url={_webhook.Url}/told",
            $"Durable:Notices:Secret=whsec_{Convert.ToBase64String(Secret.AsSpan())}", .. settings,
        ];
        return await GatewayHost.StartAsync(service.Url, [.. all, .. await TStore.SettingsAsync(all)]);
    }

    private async Task<SeenRequest> NextAsync() => await _told.Reader.ReadAsync().AsTask().WaitAsync(World.Patience);

    private static Task AssertSettledAsync(GatewayHost gateway) =>
        Eventually.TrueAsync(async () => (await gateway.Store.GetQueueFiguresAsync(TimeProvider.System.GetUtcNow())).Open == 0,
            "nothing is left in the queue");
}
