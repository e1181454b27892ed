using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Tests.Runs;

/// <summary>Steps that wait, with stores whose answers the test defines.</summary>
[Trait("Category", "Unit")]
public sealed class WaitServiceTests : IWaitStore, IEventStore, IRunSignals, IStepObserver
{
    private static readonly Topic Orders = new("order.paid", "7");

    private readonly FakeTimeProvider _time = new(Make.Start);
    private readonly Waiter _waiter = new(Make.RunId(), "paid");
    private readonly RunPolicy _policy = new();
    private readonly List<string> _calls = [];
    private readonly List<StepOutcome> _observed = [];
    private readonly Dictionary<string, StoredEvent> _events = [];
    private readonly Queue<AwaitAnswer> _answers = new();
    private readonly Queue<DeliveryVerdict> _verdicts = new();
    private readonly List<string> _names = [];
    private readonly WaitService _waits;
    private StepOutcome? _givenUp;
    private (DateTimeOffset? Until, DateTimeOffset? Since) _asked;

    public WaitServiceTests()
    {
        _waits = new WaitService(this, this, this, this, _time);
        _answers.Enqueue(Waits());
    }

    event Action<RunId>? IRunSignals.EndHeard
    {
        add { }
        remove { }
    }

    [Fact]
    public async Task WaitForEvent_BeginsInTheRun_BeforeItIsEnteredWithTheTopic()
    {
        var answer = await ForEventAsync(TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1));
        Assert.Equal(StepVerdict.Scheduled, answer.Verdict);
        Assert.Equal(["await", "listen 0"], _calls);
        Assert.Equal((Make.Start.AddMinutes(5), Make.Start.AddMinutes(-1)), _asked);
    }

    [Fact]
    public async Task WaitWithoutLimits_NeitherGivesUpNorLooksBack()
    {
        await ForEventAsync(timeout: null, lookback: null);
        Assert.Equal((null, null), _asked);
    }

    [Fact]
    public async Task WaitThatGivesUp_GetsAProblemAsItsOutcome()
    {
        await ForEventAsync(TimeSpan.FromMinutes(5), null);
        Assert.True(_givenUp is { Failed: true, Id: "paid", Attempt: 3, ContentType: Problem.ContentType });
        Assert.Contains("step-timeout", Encoding.UTF8.GetString(_givenUp.Body.Span), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData((int)StepVerdict.Stored)]
    [InlineData((int)StepVerdict.Superseded)]
    [InlineData((int)StepVerdict.Ended)]
    [InlineData((int)StepVerdict.TooMany)]
    public async Task WaitThatTheRunRefuses_IsNotEnteredWithTheTopic(int verdict)
    {
        _answers.Clear();
        _answers.Enqueue(new AwaitAnswer(new StepAnswer((StepVerdict)verdict)));
        Assert.Equal((StepVerdict)verdict, (await ForEventAsync()).Verdict);
        Assert.Equal(["await"], _calls);
    }

    [Fact]
    public async Task EventThatIsThere_IsTheAnswerOfTheCall_AndTheRunIsNotMadeDue()
    {
        Publish("one");
        _verdicts.Enqueue(DeliveryVerdict.Woken);
        _answers.Enqueue(new AwaitAnswer(new StepAnswer(StepVerdict.Stored)));
        Assert.Equal(StepVerdict.Stored, (await ForEventAsync()).Verdict);
        Assert.Equal(["await", "listen 0", "deliver one told 3", "unlisten", "await"], _calls);
        Assert.Equal("one", Encoding.UTF8.GetString(Assert.Single(_observed).Body.Span));
    }

    [Fact]
    public async Task EventThatAnotherStepHas_IsPassedOver()
    {
        Publish("one");
        Publish("two");
        _verdicts.Enqueue(DeliveryVerdict.Used);
        _verdicts.Enqueue(DeliveryVerdict.Woken);
        _answers.Enqueue(new AwaitAnswer(new StepAnswer(StepVerdict.Stored)));
        await ForEventAsync();
        Assert.Equal(["await", "listen 0", "deliver one told 3", "deliver two told 3", "unlisten", "await"], _calls);
    }

    [Fact]
    public async Task EventThatIsGone_IsPassedOver()
    {
        Publish("one");
        _events.Clear();
        Assert.Equal(StepVerdict.Scheduled, (await ForEventAsync()).Verdict);
        Assert.Equal(["await", "listen 0"], _calls);
    }

    [Fact]
    public async Task MoreEventsThanAPage_AreAllLookedAt()
    {
        for (var i = 0; i < 33; i++) Publish($"e{i}");
        for (var i = 0; i < 33; i++) _verdicts.Enqueue(DeliveryVerdict.Used);
        Assert.Equal(StepVerdict.Scheduled, (await ForEventAsync()).Verdict);
        Assert.Contains("listen 32", _calls);
        Assert.Equal("deliver e32 told 3", _calls[^1]);
    }

    [Theory]
    [InlineData((int)DeliveryVerdict.Late, (int)StepVerdict.Scheduled)]
    [InlineData((int)DeliveryVerdict.Ended, (int)StepVerdict.Scheduled)]
    [InlineData((int)DeliveryVerdict.Done, (int)StepVerdict.Stored)]
    public async Task StepThatNoLongerWaits_LeavesTheTopic(int verdict, int expected)
    {
        Publish("one");
        _verdicts.Enqueue((DeliveryVerdict)verdict);
        _answers.Enqueue(new AwaitAnswer(new StepAnswer(StepVerdict.Stored)));
        Assert.Equal((StepVerdict)expected, (await ForEventAsync()).Verdict);
        Assert.Contains("unlisten", _calls);
        Assert.Empty(_observed);
    }

    [Theory]
    [InlineData((int)WaitKind.Callback)]
    [InlineData((int)WaitKind.Invocation)]
    public async Task OtherWaits_AreEnteredWithNoTopic(int kind)
    {
        var answer = await _waits.ForAsync(_waiter, new Fence(3, 4), _policy, (WaitKind)kind, TimeSpan.FromSeconds(9));
        Assert.Equal(StepVerdict.Scheduled, answer.Verdict);
        Assert.Equal(["await"], _calls);
        Assert.Equal((Make.Start.AddSeconds(9), null), _asked);
        Assert.Equal(((WaitKind)kind).Name(), _givenUp!.Type);
    }

    [Fact]
    public async Task Delivery_MakesTheRunDue_AndIsObservedOnce()
    {
        _verdicts.Enqueue(DeliveryVerdict.Woken);
        _verdicts.Enqueue(DeliveryVerdict.Done);
        var outcome = Make.Outcome("paid");
        Assert.Equal(DeliveryVerdict.Woken, (await _waits.DeliverAsync(_waiter.Run, WaitKind.Callback, outcome)).Verdict);
        Assert.Equal(DeliveryVerdict.Done, (await _waits.DeliverAsync(_waiter.Run, WaitKind.Callback, outcome)).Verdict);
        Assert.Equal(["deliver  told 0", "parked", "deliver  told 0"], _calls);
        Assert.Same(outcome, Assert.Single(_observed));
    }

    [Fact]
    public async Task EventThatArrives_WakesTheStepThatWaits()
    {
        _verdicts.Enqueue(DeliveryVerdict.Woken);
        Assert.True(await _waits.DeliverAsync(_waiter, anyKey: false, EventOf("one")));
        Assert.Equal(["deliver one told 0", "parked"], _calls);
        Assert.Single(_observed);
    }

    [Fact]
    public async Task EventThatAnotherStepHas_LeavesTheStepWaitingForTheNext()
    {
        // An event that arrives while the step is registered again is delivered by this call. Nobody requests it, so the run becomes due.
        Publish("two");
        _verdicts.Enqueue(DeliveryVerdict.Used);
        _verdicts.Enqueue(DeliveryVerdict.Woken);
        Assert.True(await _waits.DeliverAsync(_waiter, anyKey: true, EventOf("one")));
        Assert.Equal(["deliver one told 0", "listen 0 any", "deliver two told 0", "parked", "unlisten"], _calls);
    }

    [Fact]
    public async Task EventForAStepThatIsDone_WakesNobody()
    {
        _verdicts.Enqueue(DeliveryVerdict.Done);
        Assert.False(await _waits.DeliverAsync(_waiter, anyKey: false, EventOf("one")));
        Assert.Equal(["deliver one told 0"], _calls);
        Assert.Empty(_observed);
    }

    Task<AwaitAnswer> IWaitStore.AwaitAsync(
        Waiter waiter, Fence attempt, WaitKind kind, int maxSteps, DateTimeOffset? until, DateTimeOffset? since, StepOutcome givenUp)
    {
        Assert.Equal((_waiter, new Fence(3, 4), _policy.MaxSteps), (waiter, attempt, maxSteps));
        _calls.Add("await");
        _givenUp = givenUp;
        _asked = (until, since);
        return Task.FromResult(_answers.Dequeue());
    }

    Task<Delivery> IWaitStore.DeliverAsync(RunId run, WaitKind kind, StepOutcome outcome, string? eventName, int told)
    {
        Assert.Equal(_waiter.Run, run);
        _calls.Add($"deliver {eventName} told {told}");
        return Task.FromResult(new Delivery(_verdicts.Dequeue(), Make.Start, Make.Start.AddHours(1)));
    }

    Task<DeliveryVerdict> IWaitStore.PeekAsync(Waiter waiter, WaitKind kind) => throw new NotSupportedException();

    Task<Invoker?> IWaitStore.GetInvokerAsync(RunId run) => throw new NotSupportedException();

    Task<int> IWaitStore.GetRepetitionAsync(Waiter waiter) => throw new NotSupportedException();

    Task<StoredRequest?> IWaitStore.GetRequestAsync(RunId run) => throw new NotSupportedException();

    Task<IReadOnlyList<string>> IEventStore.ListenAsync(
        Topic topic, Waiter waiter, DateTimeOffset expiry, DateTimeOffset since, int skip, int limit)
    {
        Assert.Equal((Make.Start, Make.Start.AddHours(1)), (since, expiry));
        _calls.Add($"listen {skip}{(topic.Key is null ? " any" : "")}");
        return Task.FromResult<IReadOnlyList<string>>([.. _names.Skip(skip).Take(limit)]);
    }

    Task IEventStore.UnlistenAsync(Topic topic, Waiter waiter)
    {
        _calls.Add("unlisten");
        return Task.CompletedTask;
    }

    Task<StoredEvent?> IEventStore.GetAsync(int shard, string name) => Task.FromResult(_events.GetValueOrDefault(name));

    int IEventStore.ShardOf(Topic topic) => 0;

    Task<Publication> IEventStore.PublishAsync(StoredEvent published, DateTimeOffset others) => throw new NotSupportedException();

    Task<IReadOnlyList<RecentEvent>> IEventStore.GetRecentAsync(int limit) => throw new NotSupportedException();

    Task<IReadOnlyList<Recipient>> IEventStore.GetRecipientsAsync(int shard, string name, int limit) => throw new NotSupportedException();

    Task<bool> IEventStore.CrossOffAsync(int shard, string name, IReadOnlyList<Recipient> recipients, int woken, DateTimeOffset others) =>
        throw new NotSupportedException();

    void IRunSignals.Parked(RunId run, DateTimeOffset due)
    {
        Assert.Equal((_waiter.Run, Make.Start), (run, due));
        _calls.Add("parked");
    }

    void IRunSignals.HandedBack(RunId run, DateTimeOffset due) => throw new NotSupportedException();

    ValueTask IStepObserver.DeliveredAsync(RunId run, StepOutcome step)
    {
        _observed.Add(step);
        return ValueTask.CompletedTask;
    }

    private static AwaitAnswer Waits() => new(new StepAnswer(StepVerdict.Scheduled), Make.Start, Make.Start.AddHours(1));

    private static StoredEvent EventOf(string name) => new(name, Orders, "text/plain", Encoding.UTF8.GetBytes(name));

    private void Publish(string name)
    {
        _names.Add(name);
        _events[name] = EventOf(name);
    }

    private Task<StepAnswer> ForEventAsync(TimeSpan? timeout = null, TimeSpan? lookback = null) =>
        _waits.ForEventAsync(_waiter, new Fence(3, 4), _policy, Orders, timeout, lookback);
}
