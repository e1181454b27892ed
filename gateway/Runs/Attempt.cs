using System.Diagnostics;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// An attempt in flight on this node. A live attempt begins in memory, and the first of several triggers stores its run. The run of a
/// replay is in the store from the start. Only this class changes <see cref="State"/>, under one lock.
/// </summary>
/// <remarks>
/// <see cref="RunEngine"/> calls the methods that change the state. The clock of <see cref="AttemptRegistry"/> calls
/// <see cref="TakeWork"/> and <see cref="EndWork"/>. The sender of the request calls the other methods.
/// </remarks>
internal sealed class Attempt : IDisposable
{
    private static readonly TimeSpan CallsAtShutdown = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _cancellation = new();
    private AttemptState _state;

    /// <summary>The write in progress, also after the state has changed.</summary>
    private StoreTurn? _turn;

    /// <summary>
    /// In <see cref="AttemptState.Running"/>, the time until which the lease is certainly valid. In <see cref="AttemptState.Unconfirmed"/>,
    /// the same if the first write has reached the store, because later writes may not reach it.
    /// </summary>
    private long? _leaseEnd;

    /// <summary>Whether the sender of the request has taken over the run. Then no other caller stores it.</summary>
    private bool _isClosed;

    private string? _runText;

    // The calls of the service that are in flight. The attempt is not parked before they have ended.
    private int _calls;
    private bool _refusesCalls;
    private TaskCompletionSource? _callsEnded;
    private CancellationTokenSource? _callsOver;

    private AttemptInterrupt _interrupt;
    private bool _responseBegan;
    private volatile bool _lacksStore;

    // Timestamps that the clock of all attempts reads without the lock. MaxValue stands for never.
    private long _timesOutAt = long.MaxValue;
    private long _storeAt = long.MaxValue;
    private long _workAt;

    /// <summary>Creates a live attempt, whose client is connected.</summary>
    /// <param name="key">The key of the attempt.</param>
    /// <param name="policy">The policy that the run started under.</param>
    /// <param name="route">The id of the route.</param>
    /// <param name="startedAt">The start of the run.</param>
    /// <param name="draft">Creates the record of the run.</param>
    /// <param name="time">The clock.</param>
    public Attempt(AttemptKey key, RunPolicy policy, string route, DateTimeOffset startedAt, RunDraft draft, TimeProvider time)
        : this(key, policy, route, startedAt, time)
    {
        Draft = draft;
        _state = AttemptState.InMemory;
        _storeAt = After(Began, policy.PersistAfter);
    }

    /// <summary>Creates a replay, whose run this node has claimed.</summary>
    /// <param name="key">The key of the attempt.</param>
    /// <param name="policy">The policy that the run started under.</param>
    /// <param name="route">The id of the route.</param>
    /// <param name="startedAt">The start of the run.</param>
    /// <param name="leaseEnd">The timestamp until which the lease is certainly valid.</param>
    /// <param name="time">The clock.</param>
    public Attempt(AttemptKey key, RunPolicy policy, string route, DateTimeOffset startedAt, long leaseEnd, TimeProvider time)
        : this(key, policy, route, startedAt, time)
    {
        _state = AttemptState.Running;
        _leaseEnd = leaseEnd;
    }

    private Attempt(AttemptKey key, RunPolicy policy, string route, DateTimeOffset startedAt, TimeProvider time)
    {
        Time = time;
        Key = key;
        Policy = policy;
        Route = route;
        StartedAt = startedAt;
        Began = time.GetTimestamp();
    }

    public AttemptKey Key { get; }
    public RunId Run => Key.Run;

    /// <summary>The id of the run as text, which several headers have.</summary>
    public string RunText => _runText ??= Run.ToString();
    public RunPolicy Policy { get; }
    public string Route { get; }
    public DateTimeOffset StartedAt { get; }
    public DateTimeOffset Deadline => StartedAt + Policy.RunTimeout;

    /// <summary>The timestamp at which this attempt began.</summary>
    public long Began { get; }

    /// <summary>Creates the record of a live attempt's run; <see langword="null"/> for a replay.</summary>
    public RunDraft? Draft { get; }

    public bool IsReplay => Draft is null;

    /// <summary>The span of the attempt, if tracing is on.</summary>
    public Activity? Span { get; set; }

    /// <summary>The outcomes that were stored when the attempt began, oldest first.</summary>
    public IReadOnlyList<StepOutcome> Steps { get; init; } = [];

    /// <summary>The number of outcomes that were stored when the attempt began. <see cref="Steps"/> has fewer if they are large.</summary>
    public int StepCount { get; init; }

    /// <summary>The address of the service, as soon as it is known.</summary>
    public string? Destination { get; set; }

    /// <summary>The request's method and target, as received.</summary>
    public (string Method, string Target) Request { get; set; } = ("", "");

    /// <summary>The build of the service that wrote the run's steps, if it is known and the policy uses it.</summary>
    public string? Build { get; set; }

    /// <summary>Whether to inline outcomes. False after the service has refused them once.</summary>
    public bool InlinesSteps { get; init; } = true;

    /// <summary>The last stored event of the run's stream, if the stream is resumable.</summary>
    public string? LastEventId { get; init; }

    /// <summary>The number of earlier failed attempts that this node knows. The store has the exact number.</summary>
    public int Failures { get; init; }

    /// <summary>
    /// When the service became unreachable for the attempts before this one; <see langword="null"/> if the last of them reached it.
    /// </summary>
    public DateTimeOffset? UnreachableSince { get; init; }

    /// <summary>
    /// The longest time from <see cref="StartClock"/> to the head of the response. After that, the deadline of the run applies.
    /// </summary>
    public required TimeSpan Timeout { get; init; }

    private TimeProvider Time { get; }

    /// <summary>The request and its destination, for the log.</summary>
    public string Describe() => RequestLine.Of(Request.Method, Request.Target, Destination);

    /// <summary>For the run's history: how the attempt ended, and its destination.</summary>
    public AttemptNote Note(string reason, int status = 0) => new(reason, status, Destination);

    /// <summary>For the run's history: how the attempt failed, and its destination.</summary>
    public AttemptNote Note(AttemptFailure failure) => Note(failure.Reason, failure.Status) with { Failure = failure.Text };

    /// <summary>The same for the last attempt. The result of the run has the body of a replay's failure.</summary>
    public AttemptNote LastNote(AttemptFailure failure) =>
        IsReplay ? Note(failure) with { Failure = failure.Text.Reason } : Note(failure);

    public AttemptState State
    {
        get
        {
            lock (_lock) return _state;
        }
    }

    /// <summary>Whether the run is in the store.</summary>
    public bool IsStored => State is AttemptState.Running or AttemptState.Lost or AttemptState.Parked or AttemptState.Ended;

    /// <summary>Whether the run is in the store, or may be. Then it must not stay there as if in flight.</summary>
    public bool MayBeStored
    {
        get
        {
            lock (_lock) return IsOrMayBeStored();
        }
    }

    /// <summary>Whether the state is final. Then the clock no longer watches the attempt.</summary>
    public bool IsOver => IsFinal(State);

    /// <summary>Whether this node certainly still owns the run, by its own clock.</summary>
    public bool HoldsLease
    {
        get
        {
            lock (_lock)
            {
                return _state is AttemptState.Running or AttemptState.Unconfirmed or AttemptState.Storing
                    && _leaseEnd is { } end && Time.GetTimestamp() < end;
            }
        }
    }

    /// <summary>Whether the store refused the latest checkpoint. A resulting failure of the attempt is not the service's.</summary>
    public bool LacksStore => _lacksStore;

    /// <summary>Cancelled to abort the call to the service.</summary>
    public CancellationToken Aborted => _cancellation.Token;

    public AttemptInterrupt Interrupted
    {
        get
        {
            lock (_lock) return _interrupt;
        }
    }

    /// <summary>What the attempt knows of itself, of one moment.</summary>
    public AttemptEvidence Look()
    {
        lock (_lock)
        {
            return new AttemptEvidence
            {
                MayBeStored = IsOrMayBeStored(),
                IsLost = _state == AttemptState.Lost,
                Interrupted = _interrupt,
                LacksStore = _lacksStore,
            };
        }
    }

    /// <summary>A checkpoint, or an event of a kept stream, was stored, or could not be because the store is away.</summary>
    public void NoteCheckpoint(bool isStored) => _lacksStore = !isStored;

    /// <summary>Starts the time-out of the service, which has the whole request. No effect after a response has begun.</summary>
    public void StartClock()
    {
        lock (_lock)
        {
            if (!_responseBegan) SetTimeout(Timeout);
        }
    }

    /// <summary>
    /// Records that the head of the response has arrived. From now on, only the run's deadline and the silence of the service limit the
    /// attempt.
    /// </summary>
    public void BeginResponse()
    {
        lock (_lock)
        {
            _responseBegan = true;
            SetTimeout(Deadline - Time.GetUtcNow());
        }
    }

    /// <summary>Records that the response has begun and has no time limit. It ends when the client or the service ends it.</summary>
    public void BeginUnboundedResponse()
    {
        lock (_lock)
        {
            _responseBegan = true;
            Volatile.Write(ref _timesOutAt, long.MaxValue);
        }
    }

    /// <summary>Records that the response is passed on and not stored. The run is then no longer stored because of its age.</summary>
    public void StopStoringByTime() => Volatile.Write(ref _storeAt, long.MaxValue);

    /// <summary>Aborts the call to the service. The first reason counts.</summary>
    public void Interrupt(AttemptInterrupt reason)
    {
        lock (_lock)
        {
            // Losing the run cuts off the client as well. The run of the other attempt must not be cancelled because of that.
            var isCutOff = reason == AttemptInterrupt.ClientGone && _state == AttemptState.Lost;
            if (_interrupt == AttemptInterrupt.None && !isCutOff) _interrupt = reason;
        }

        Abort();
    }

    /// <summary>Marks the request as not durable, before the client gets that answer.</summary>
    /// <returns><see langword="false"/> if the run is in the store, may be there, or is being written.</returns>
    public bool TryKeepOutOfStore()
    {
        lock (_lock)
        {
            if (IsOrMayBeStored() || _turn is not null) return false;
            _state = AttemptState.Unstorable;
            return true;
        }
    }

    /// <summary>
    /// The sender of the request takes over the run. After that, no other caller stores it. Waits for a write in progress, but cancels the
    /// reading of a request for it.
    /// </summary>
    public Task CloseAsync()
    {
        StoreTurn? turn;
        lock (_lock)
        {
            _isClosed = true;
            turn = _turn;
        }

        return turn is null ? Task.CompletedTask : EndAsync(turn);

        static async Task EndAsync(StoreTurn turn)
        {
            turn.StopPreparing();
            await ((Task)turn.Outcome).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>How a call of the service differs from those of the attempts before, if the run must fail because of that.</summary>
    public string? Drift { get; set; }

    /// <summary>
    /// Cancelled when the attempt is aborted, or waits for the end of its calls. A call that has failed is not made again after that.
    /// </summary>
    public CancellationToken CallsOver
    {
        get
        {
            lock (_lock)
            {
                if (_refusesCalls) return new CancellationToken(canceled: true);
                return (_callsOver ??= CancellationTokenSource.CreateLinkedTokenSource(_cancellation.Token)).Token;
            }
        }
    }

    /// <summary>The time until the attempt times out.</summary>
    public TimeSpan TimeLeft
    {
        get
        {
            var end = Volatile.Read(ref _timesOutAt);
            return end == long.MaxValue ? TimeSpan.MaxValue : Time.GetElapsedTime(Time.GetTimestamp(), end);
        }
    }

    /// <summary>Begins a call that the service makes through the egress listener.</summary>
    /// <returns><see langword="false"/> if the attempt is over or lost. The call must not be made then.</returns>
    public bool TryBeginCall()
    {
        lock (_lock)
        {
            if (_refusesCalls || _state == AttemptState.Lost || IsFinal(_state)) return false;
            _calls++;
            return true;
        }
    }

    public void EndCall()
    {
        lock (_lock)
        {
            if (--_calls == 0) _callsEnded?.TrySetResult();
        }
    }

    /// <summary>
    /// Waits until the service's calls have ended, and refuses others. The next attempt begins after that, so it finds their outcomes.
    /// Another attempt does not wait for those of a lost one, and neither does a shutdown for long.
    /// </summary>
    public Task EndCallsAsync()
    {
        CancellationTokenSource? over;
        lock (_lock)
        {
            _refusesCalls = true;
            over = _callsOver;
        }

        over?.Cancel();
        lock (_lock)
        {
            if (_calls == 0 || _state == AttemptState.Lost) return Task.CompletedTask;
            _callsEnded ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return WaitAsync(_callsEnded.Task, _interrupt == AttemptInterrupt.Shutdown ? CallsAtShutdown : Policy.AttemptTimeout);
        }

        async Task WaitAsync(Task ended, TimeSpan patience)
        {
            try
            {
                await ended.WaitAsync(patience, Time);
            }
            catch (TimeoutException)
            {
                // It is unknown what becomes of such a call, as after a crash.
            }
        }
    }

    /// <summary>Requests the turn to write the run for the first time.</summary>
    /// <param name="asOwner">Whether the caller is the sender, which can repeat a write after <see cref="CloseAsync"/>.</param>
    internal StoreTicket BeginStoring(bool asOwner)
    {
        lock (_lock)
        {
            switch (_state)
            {
                case AttemptState.Running or AttemptState.Lost or AttemptState.Parked or AttemptState.Ended:
                    return StoreTicket.Stored;
                case AttemptState.Storing:
                    return new StoreTicket(null, _turn!.Outcome);
                case AttemptState.InMemory or AttemptState.Unconfirmed when asOwner || !_isClosed:
                    _turn = new StoreTurn(repeats: _state == AttemptState.Unconfirmed);
                    _state = AttemptState.Storing;
                    return new StoreTicket(_turn, _turn.Outcome);
                default:
                    return StoreTicket.Refused;
            }
        }
    }

    /// <summary>Records that the run is in the store, with this attempt in flight.</summary>
    internal void ConfirmRunning(long leaseEnd) => EndTurn(AttemptState.Running, leaseEnd).Complete(isStored: true);

    /// <summary>Records that the run is in the store and waits.</summary>
    internal void ConfirmParked() => EndTurn(AttemptState.Parked).Complete(isStored: true);

    /// <summary>Records that the run is in the store, and another attempt owns it.</summary>
    internal void ConfirmLost()
    {
        EndTurn(AttemptState.Lost).Complete(isStored: true);
        Abort();
    }

    /// <summary>Records that there is no complete request to store.</summary>
    internal void RefuseStoring() => EndTurn(AttemptState.Unstorable).Complete(isStored: false);

    /// <summary>Records that the write failed. It can be repeated.</summary>
    /// <param name="error">The error for the waiting callers.</param>
    /// <param name="leaseEnd">
    /// The timestamp until which this attempt owns the run, if the write happened; <see langword="null"/> if the write parks the run.
    /// </param>
    internal void FailStoring(Exception error, long? leaseEnd = null)
    {
        var mayHaveHappened = error is StoreUnavailableException { MayHaveHappened: true };
        StoreTurn turn;
        lock (_lock)
        {
            var isFirst = mayHaveHappened && !_turn!.Repeats;
            turn = EndTurn(
                mayHaveHappened || _turn!.Repeats ? AttemptState.Unconfirmed : AttemptState.InMemory, isFirst ? leaseEnd : _leaseEnd);
        }

        turn.Fail(error);
    }

    /// <summary>Records that the lease was renewed.</summary>
    internal void Renew(long leaseEnd)
    {
        lock (_lock)
        {
            if (_state == AttemptState.Running) _leaseEnd = leaseEnd;
        }
    }

    /// <summary>Records that another attempt owns the run, or the run has ended. Aborts the call to the service.</summary>
    internal void Lose()
    {
        lock (_lock)
        {
            if (IsFinal(_state)) return;
            _state = AttemptState.Lost;
        }

        Abort();
    }

    /// <summary>Sets the final state of the attempt.</summary>
    /// <param name="final">A final state.</param>
    /// <returns>The previous state; <see langword="null"/> if the state is already final.</returns>
    internal AttemptState? Settle(AttemptState final)
    {
        Debug.Assert(IsFinal(final), "Only a final state settles an attempt.");
        lock (_lock)
        {
            var before = _state;
            if (IsFinal(before)) return null;
            _state = final;
            return before;
        }
    }

    /// <summary>
    /// Whether the attempt has exceeded its time-out. Called for every attempt at every tick, so it takes no lock.
    /// </summary>
    internal bool IsLate(long timestamp) => timestamp >= Volatile.Read(ref _timesOutAt);

    /// <summary>Takes the work that is due for the attempt. No other caller gets it until <see cref="EndWork"/>.</summary>
    /// <param name="timestamp">Now.</param>
    /// <param name="renewWithin">The time before its end at which a lease is renewed.</param>
    internal AttemptWork TakeWork(long timestamp, TimeSpan renewWithin)
    {
        if (timestamp < Volatile.Read(ref _workAt)) return AttemptWork.None;
        lock (_lock)
        {
            var work = _state switch
            {
                AttemptState.InMemory when !_isClosed && timestamp >= Volatile.Read(ref _storeAt) => AttemptWork.Store,

                // The run may be in the store with a lease that nobody renews. A write that parks the run has no lease.
                AttemptState.Unconfirmed when !_isClosed && _leaseEnd is not null => AttemptWork.Store,
                AttemptState.Running when _leaseEnd is { } end && Time.GetElapsedTime(timestamp, end) < renewWithin =>
                    AttemptWork.RenewLease,
                _ => AttemptWork.None,
            };
            if (work != AttemptWork.None) Volatile.Write(ref _workAt, long.MaxValue);
            return work;
        }
    }

    /// <summary>Ends the work that was taken. It can be taken again after a pause if it failed.</summary>
    internal void EndWork(TimeSpan pause = default) => Volatile.Write(ref _workAt, After(Time.GetTimestamp(), pause));

    public void Dispose()
    {
        _callsOver?.Dispose();
        _cancellation.Dispose();
    }

    private static bool IsFinal(AttemptState state) =>
        state is AttemptState.Parked or AttemptState.Ended or AttemptState.Passed or AttemptState.Dropped;

    private bool IsOrMayBeStored() =>
        _state is AttemptState.Running or AttemptState.Lost or AttemptState.Parked or AttemptState.Ended or AttemptState.Unconfirmed
        || (_state == AttemptState.Storing && _turn!.Repeats);

    /// <summary>Changes the state, unless another change happened in between, such as the loss of the run.</summary>
    private StoreTurn EndTurn(AttemptState next, long? leaseEnd = null)
    {
        lock (_lock)
        {
            var turn = _turn!;
            _turn = null;
            if (_state == AttemptState.Storing) (_state, _leaseEnd) = (next, leaseEnd);
            return turn;
        }
    }

    private void Abort()
    {
        try
        {
            _cancellation.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The attempt has just ended.
        }
    }

    private void SetTimeout(TimeSpan timeout) => Volatile.Write(ref _timesOutAt, After(Time.GetTimestamp(), timeout));

    private long After(long timestamp, TimeSpan time)
    {
        var ticks = Math.Max(0, time.TotalSeconds) * Time.TimestampFrequency;
        return ticks < long.MaxValue - timestamp ? timestamp + (long)ticks : long.MaxValue;
    }
}
