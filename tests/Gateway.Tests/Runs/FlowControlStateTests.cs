using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Tests.Runs;

/// <summary>Concurrency limits, with a store whose answers the test defines.</summary>
[Trait("Category", "Unit")]
public sealed class FlowControlStateTests : IRunSignals, IFlowStore, IDisposable
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    private readonly FakeTimeProvider _time = new(Make.Start);
    private readonly ConcurrencyLimit _lock = new("one", 1, 1);
    private readonly RunId _run = Make.RunId();
    private readonly List<string> _calls = [];
    private readonly List<RunId> _parked = [];
    private readonly FlowControl _flow;
    private ConcurrencyAnswer _answer = new(true, 0, []);
    private IReadOnlyList<RunId> _next = [];
    private bool _isAway;

    public FlowControlStateTests() =>
        _flow = new FlowControl(this, this, new EngineSettings(Lease), _time, NullLogger<FlowControl>.Instance);

    event Action<RunId>? IRunSignals.EndHeard
    {
        add { }
        remove { }
    }

    public void Dispose() => _flow.Dispose();

    [Fact]
    public async Task RunThatIsLetIn_HoldsItsPlaceUntilItLeaves_AndWakesTheNext()
    {
        var (permit, _) = await _flow.EnterAsync(_lock, _run, Lease);
        Assert.NotNull(permit);
        Assert.Equal(1, _flow.InFlight);
        _next = [Make.RunId()];
        await permit.DisposeAsync();
        await permit.DisposeAsync();
        Assert.Equal(0, _flow.InFlight);
        Assert.Equal(["enter", "leave", "wake"], _calls);
        Assert.Equal(_next, _parked);
    }

    [Fact]
    public async Task RunThatIsTurnedAway_AsksAgain_TheLaterTheMoreWaitBeforeIt()
    {
        _answer = new(false, 0, []);
        var (permit, soon) = await _flow.EnterAsync(_lock, _run, Lease);
        _answer = new(false, 1000, []);
        var (_, later) = await _flow.EnterAsync(_lock, _run, Lease);
        Assert.Null(permit);
        Assert.True(Make.Start + Lease < soon && soon < later);
    }

    [Fact]
    public async Task RunThatWasTurnedAway_AndWhoseTurnHasComeSince_IsDueAtOnce()
    {
        await _flow.QueuedAsync(_lock, _run, Lease, isStored: true);
        Assert.Equal(["enter", "wake"], _calls);
        Assert.Equal([_run], _parked);
    }

    [Fact]
    public async Task RunThatWasTurnedAway_AndIsNotStored_IsNotWaitedFor()
    {
        await _flow.QueuedAsync(_lock, _run, Lease, isStored: false);
        Assert.Equal(["leave"], _calls);
    }

    [Fact]
    public async Task StoreThatIsAway_KeepsNobodyFromLeaving()
    {
        var (permit, _) = await _flow.EnterAsync(_lock, _run, Lease);
        _isAway = true;
        await permit!.DisposeAsync();
        Assert.Equal(0, _flow.InFlight);
    }

    Task<ConcurrencyAnswer> IFlowStore.EnterAsync(
        ConcurrencyLimit limit, RunId run, string permit, DateTimeOffset leaseEnd, TimeSpan lifetime)
    {
        _calls.Add("enter");
        return Task.FromResult(_answer);
    }

    Task<IReadOnlyList<RunId>> IFlowStore.LeaveAsync(ConcurrencyLimit limit, RunId run, string permit)
    {
        _calls.Add("leave");
        return _isAway ? throw EngineBench.Refused : Task.FromResult(_next);
    }

    Task IFlowStore.KeepAsync(ConcurrencyLimit limit, RunId run, string permit, DateTimeOffset leaseEnd) => Task.CompletedTask;

    Task<bool> IFlowStore.WakeAsync(RunId run)
    {
        _calls.Add("wake");
        return Task.FromResult(true);
    }

    Task<DateTimeOffset?> IFlowStore.PostponeAsync(RunId run, DateTimeOffset until) => throw new NotSupportedException();

    Task<DateTimeOffset> IFlowStore.ReserveAsync(string rate, RunId run, int permits, TimeSpan window) => throw new NotSupportedException();

    Task IFlowStore.GiveBackAsync(string rate, RunId run) => throw new NotSupportedException();

    void IRunSignals.Parked(RunId run, DateTimeOffset due) => _parked.Add(run);

    void IRunSignals.HandedBack(RunId run, DateTimeOffset due)
    {
    }
}
