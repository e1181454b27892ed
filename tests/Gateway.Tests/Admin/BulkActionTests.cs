using System.Net;
using System.Text.Json;
using DurableGateway.Admin;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Admin;

public sealed class SetActionsOnEmbeddedTests : BulkActionTests<OnEmbedded>;

public sealed class SetActionsOnRedisTests : BulkActionTests<OnRedis>
{
    [Fact]
    public async Task Node_ThatIsPaused_IsReplaced_AndCountsNoMore()
    {
        string[] settings = ["Durable:Lease=00:00:02",
            .. await OnRedis.SettingsAsync([nameof(Node_ThatIsPaused_IsReplaced_AndCountsNoMore)])];
        var (paused, other) = (new SlowAdmin(pages: 3), new SlowAdmin(pages: 3));
        var clock = new PausableTime();
        await using var first = await StartAsync(paused, settings, clock);
        var set = await BeginAsync(first, "cancel");
        paused.Let(2);
        await StateAsync(first, set, "running", 2, 0);

        // The first node does not get any further, nor does its clock. The second has what it needs.
        clock.Pause();
        await using var second = await StartAsync(other, settings);
        other.Let(6);
        await StateAsync(second, set, "completed", 4, 2);

        clock.GoOn();
        paused.Let(4);
        await Eventually.TrueAsync(() => paused.Acted.Distinct().Count() == 4, "the first node has done its page, too");
        await StateAsync(first, set, "completed", 4, 2);
    }

    [Fact]
    public async Task Node_ThatIsSlow_KeepsItsAction()
    {
        string[] settings = ["Durable:Lease=00:00:06", .. await OnRedis.SettingsAsync([nameof(Node_ThatIsSlow_KeepsItsAction)])];
        var (slow, other) = (new SlowAdmin(pages: 3), new SlowAdmin(pages: 3));
        await using var first = await StartAsync(slow, settings);
        await using var second = await StartAsync(other, settings);
        other.Let(6);
        var set = await BeginAsync(first, "cancel");
        slow.Let(1);

        // The lease that it began with runs out.
        var begun = await first.Store.GetNextDueAsync(0);
        await Eventually.TrueAsync(async () => await first.Store.GetNextDueAsync(0) > begun + TimeSpan.FromSeconds(6), "it is kept");
        slow.Let(6);

        await StateAsync(second, set, "completed", 4, 2);
        Assert.Empty(other.Acted);
        Assert.Equal(6, slow.Acted.Count);
    }

    [Fact]
    public async Task Node_ThatLeaves_HandsOver()
    {
        string[] settings = ["Durable:Lease=00:10:00", .. await OnRedis.SettingsAsync([nameof(Node_ThatLeaves_HandsOver)])];
        const int Pages = SlowAdmin.MostRuns / 2;
        var (leaving, other) = (new SlowAdmin(Pages), new SlowAdmin(Pages));
        var first = await StartAsync(leaving, settings);
        var set = await BeginAsync(first, "retry");
        leaving.Let(1);
        await Eventually.TrueAsync(() => leaving.Acted.Count == 1, "the first page is in hand");
        var left = first.DisposeAsync().AsTask();
        var let = 1;
        await Eventually.TrueAsync(() =>
        {
            leaving.Let(++let);
            return left.IsCompleted;
        }, "the first node ends with its page");
        await left;
        Assert.InRange(leaving.Acted.Count, 2, SlowAdmin.MostRuns - 1);

        // Nobody waits for the lease, and no run is met twice.
        await using var second = await StartAsync(other, settings);
        other.Let(SlowAdmin.MostRuns);
        await StateAsync(second, set, "completed", SlowAdmin.MostRuns * 2 / 3, SlowAdmin.MostRuns / 3);
        Assert.Equal(SlowAdmin.MostRuns, leaving.Acted.Concat(other.Acted).Distinct().Count());
        Assert.Equal(SlowAdmin.MostRuns, leaving.Acted.Count + other.Acted.Count);
    }
}

/// <summary>What is done to all runs of a filter: any node tells how far it is, stops it, and goes on with it.</summary>
public abstract class BulkActionTests<TStore> where TStore : IStoreChoice
{
    [Fact]
    public async Task Set_IsStoppedAfterThePageInHand_AndSaysHowFarItGot()
    {
        var admin = new SlowAdmin(pages: int.MaxValue);
        await using var gateway = await StartAsync(admin, await TStore.SettingsAsync([nameof(BulkActionTests<TStore>)]));
        var set = await BeginAsync(gateway, "retry");
        admin.Let(4);
        await StateAsync(gateway, set, "running", 3, 1);

        using var asked = await gateway.Client.DeleteAsync(new Uri(gateway.Control, set));
        Assert.Equal("stopping", (await asked.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("state").GetString());

        admin.Let(6);
        var stopped = await StateAsync(gateway, set, "stopped", 4, 2);
        Assert.NotNull(stopped.GetProperty("endedAt").GetString());
        Assert.Equal("loopback", stopped.GetProperty("who").GetString());
        Assert.Equal("waiting", stopped.GetProperty("filter").GetProperty("state").GetString());
        var all = await gateway.Client.GetFromJsonAsync<JsonElement>(new Uri(gateway.Control, "/_durable/v1/admin/actions"));
        Assert.Contains(all.GetProperty("actions").EnumerateArray(),
            one => set.EndsWith(one.GetProperty("id").GetString()!, StringComparison.Ordinal));
    }

    [Fact]
    public async Task RunAgain_IsOneCopy_HoweverOftenThePageIsDone()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, "Durable:Policies:default:AttemptTimeout=00:01:38");
        var run = await world.ParkedRunAsync();
        Assert.True(RunId.TryParse(run, out var id));
        var again = new RunAction.RunAgain(RunId.Derive(id, "again"));
        var admin = world.Gateway.Services.GetRequiredService<IRunAdmin>();

        var (one, other) = (await admin.ActAsync(id, again, "ann"), await admin.ActAsync(id, again, "ann"));

        Assert.Equal((again.As, again.As), (one.NewRun, other.NewRun));
        var attempt = await world.NextAttemptAsync();
        attempt.Answer(200);
        await Eventually.TrueAsync(async () => (await world.GetJsonAsync($"runs/{again.As}")).GetProperty("run").GetProperty("state")
            .GetString() == "completed", "the copy ends");
        Assert.Equal(1, (await world.GetJsonAsync($"runs/{again.As}")).GetProperty("run").GetProperty("attempt").GetInt32());
    }

    private protected static Task<GatewayHost> StartAsync(SlowAdmin admin, string[] settings, TimeProvider? time = null) =>
        GatewayHost.StartAsync(
            "http://127.0.0.1:1", (WebApplicationBuilder builder) =>
                builder.Services.AddSingleton<IRunAdmin>(admin).AddSingleton(new StoreClock(time ?? TimeProvider.System)), settings);

    /// <returns>Where it tells how far it is.</returns>
    private protected static async Task<string> BeginAsync(GatewayHost gateway, string verb)
    {
        await Eventually.TrueAsync(async () => (await gateway.Client.GetAsync(new Uri(gateway.Control, "/readyz"))).IsSuccessStatusCode,
            "the store has answered");
        using var begun = await gateway.Client.PostAsJsonAsync(new Uri(gateway.Control, "/_durable/v1/admin/actions"),
            new { action = verb, filter = new { state = "waiting" } });
        Assert.Equal(HttpStatusCode.Accepted, begun.StatusCode);
        return begun.Headers.Location!.ToString();
    }

    private protected static async Task<JsonElement> StateAsync(GatewayHost gateway, string set, string state, int done, int refused)
    {
        JsonElement told = default;
        await Eventually.TrueAsync(async () =>
        {
            using var answer = await gateway.Client.GetAsync(new Uri(gateway.Control, set));
            if (!answer.IsSuccessStatusCode) return false;
            told = await answer.Content.ReadFromJsonAsync<JsonElement>();
            return (told.GetProperty("state").GetString(), told.GetProperty("done").GetInt32(), told.GetProperty("refused").GetInt32())
                == (state, done, refused);
        }, $"it is {state}, done to {done}, refused by {refused}");
        return told;
    }

    /// <summary>Has two runs on each page, and acts on those that it is let; every third is refused.</summary>
    private protected sealed class SlowAdmin(int pages) : IRunAdmin
    {
        public const int MostRuns = 1500;
        private static readonly RunId[] Ids = [.. Enumerable.Range(0, MostRuns).Select(_ => Make.RunId())];

        private readonly Lock _lock = new();
        private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _let;

        public System.Collections.Concurrent.ConcurrentQueue<RunId> Acted { get; } = new();

        public Task<RunPage> ListAsync(RunQuery query, CancellationToken cancellation)
        {
            var page = query.Cursor is null ? 0 : int.Parse(query.Cursor, System.Globalization.CultureInfo.InvariantCulture);
            return Task.FromResult(new RunPage([.. Ids.Skip(2 * page).Take(2).Select(Row)], page + 1 < pages ? $"{page + 1}" : null));
        }

        public async Task<ActionResult> ActAsync(RunId run, RunAction action, string who, CancellationToken cancellation)
        {
            var index = Array.IndexOf(Ids, run);
            while (Wait(index) is { IsCompleted: false } more) await more.WaitAsync(cancellation);
            Acted.Enqueue(run);
            return new ActionResult(index % 3 != 2);
        }

        /// <summary>Lets the first runs pass, however often a page is done.</summary>
        public void Let(int runs)
        {
            TaskCompletionSource waiting;
            lock (_lock)
            {
                _let = runs;
                waiting = _more;
                _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            waiting.SetResult();
        }

        public Task<RunDetail?> GetAsync(RunId run, CancellationToken cancellation) => Task.FromResult<RunDetail?>(null);

        public Task<Overview> GetOverviewAsync(CancellationToken cancellation) => Task.FromResult(new Overview([], 0, null));

        private Task Wait(int index)
        {
            lock (_lock) return index < _let ? Task.CompletedTask : _more.Task;
        }

        private static RunRow Row(RunId id) =>
            new(id, "orders", "GET", "/", RunState.Waiting, false, 1, Make.Start, null, null, 0, 0, 0, null, null, 0);
    }
}
