using System.Diagnostics;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// An attempt that is in flight on this node. A live one begins in memory only, and reaches the store at most once, by whichever of its
/// triggers comes first; a replay is stored from the start. Its <see cref="State"/> changes here only, under one lock.
/// </summary>
/// <remarks>
/// Who may call what: <see cref="RunEngine"/> the methods that change the state; the clock of <see cref="AttemptRegistry"/>
/// <see cref="TakeWork"/> and <see cref="EndWork"/>; whoever sends the request and reads the response the rest.
/// </remarks>
internal sealed class Attempt : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _cancellation = new();
    private AttemptState _state;

    /// <summary>The write that is under way, also after the state has gone on.</summary>
    private StoreTurn? _turn;

    /// <summary>
    /// Of <see cref="AttemptState.Running"/>, until when the lease surely holds. Of <see cref="AttemptState.Unconfirmed"/>, the same if the
    /// first write has happened: later ones may never arrive.
    /// </summary>
    private long? _leaseEnd;

    /// <summary>The sender of the request has taken the run over: nobody else stores it any more.</summary>
    private bool _isClosed;

    private string? _runText;
    private AttemptInterrupt _interrupt;
    private bool _responseBegan;
    private volatile bool _lacksStore;

    // Timestamps that the clock of all attempts reads without the lock; what never comes is in the farthest future.
    private long _timesOutAt = long.MaxValue;
    private long _storeAt = long.MaxValue;
    private long _workAt;

    /// <summary>A live attempt, with the client on the line.</summary>
    /// <param name="key">Who this is.</param>
    /// <param name="policy">The policy that the run started under.</param>
    /// <param name="route">The id of the route.</param>
    /// <param name="startedAt">The start of the run.</param>
    /// <param name="draft">What the run is stored from.</param>
    /// <param name="time">The clock.</param>
    public Attempt(AttemptKey key, RunPolicy policy, string route, DateTimeOffset startedAt, RunDraft draft, TimeProvider time)
        : this(key, policy, route, startedAt, time)
    {
        Draft = draft;
        _state = AttemptState.InMemory;
        _storeAt = After(Began, policy.PersistAfter);
    }

    /// <summary>A replay, which has its run by a claim.</summary>
    /// <param name="key">Who this is.</param>
    /// <param name="policy">The policy that the run started under.</param>
    /// <param name="route">The id of the route.</param>
    /// <param name="startedAt">The start of the run.</param>
    /// <param name="leaseEnd">The timestamp up to which the lease surely holds.</param>
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

    /// <summary>What a live attempt's run is stored from; <see langword="null"/> for a replay.</summary>
    public RunDraft? Draft { get; }

    public bool IsReplay => Draft is null;

    /// <summary>Its span, where somebody looks at traces.</summary>
    public Activity? Span { get; set; }

    /// <summary>The outcomes that were stored when the attempt began, oldest first.</summary>
    public IReadOnlyList<StepOutcome> Steps { get; init; } = [];

    /// <summary>How many outcomes were stored when the attempt began; more than <see cref="Steps"/> has where they are large.</summary>
    public int StepCount { get; init; }

    /// <summary>The address of the service that it went to, once that is known.</summary>
    public string? Destination { get; set; }

    /// <summary>The request's method and its target as it stood on the wire.</summary>
    public (string Method, string Target) Request { get; set; } = ("", "");

    /// <summary>The build of the service whose steps the run has, where it is known and wanted.</summary>
    public string? Build { get; set; }

    /// <summary>Whether outcomes may be put into its headers; not where the service has refused them once.</summary>
    public bool InlinesSteps { get; init; } = true;

    /// <summary>The last event of its stream that is kept, where it can be resumed.</summary>
    public string? LastEventId { get; init; }

    /// <summary>Failed attempts before this one, as far as is known here. The store has the last word.</summary>
    public int Failures { get; init; }

    /// <summary>
    /// When the attempts before this one began to find no service; <see langword="null"/> where the last of them found it.
    /// </summary>
    public DateTimeOffset? UnreachableSince { get; init; }

    /// <summary>
    /// How long the attempt may take to the head of its response, from <see cref="StartClock"/>. After that the deadline of its run counts.
    /// </summary>
    public required TimeSpan Timeout { get; init; }

    private TimeProvider Time { get; }

    /// <summary>The request and where it went, for the log.</summary>
    public string Describe() => RequestLine.Of(Request.Method, Request.Target, Destination);

    /// <summary>For the run's history: how the attempt ended, and where it had gone.</summary>
    public AttemptNote Note(string reason, int status = 0) => new(reason, status, Destination);

    /// <summary>For the run's history: how the attempt failed, and where it had gone.</summary>
    public AttemptNote Note(AttemptFailure failure) => Note(failure.Reason, failure.Status);

    public AttemptState State
    {
        get
        {
            lock (_lock) return _state;
        }
    }

    /// <summary>The run is in the store.</summary>
    public bool IsStored => State is AttemptState.Running or AttemptState.Lost or AttemptState.Parked or AttemptState.Ended;

    /// <summary>The run is in the store, or a write of it got no answer: it must not be left there as if in flight.</summary>
    public bool MayBeStored
    {
        get
        {
            lock (_lock) return IsOrMayBeStored();
        }
    }

    /// <summary>What became of the attempt is decided: nothing is to be watched any more.</summary>
    public bool IsOver => IsFinal(State);

    /// <summary>Whether this node surely still holds the run, by its own clock.</summary>
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

    /// <summary>The store refused the latest checkpoint of this attempt: what comes of it is not the service's failure.</summary>
    public bool LacksStore => _lacksStore;

    /// <summary>Cancelled where the call to the service is to be aborted.</summary>
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

    /// <summary>The service has the whole request: from here on it may be late. No effect once a response has begun.</summary>
    public void StartClock()
    {
        lock (_lock)
        {
            if (!_responseBegan) SetTimeout(Timeout);
        }
    }

    /// <summary>
    /// The head of the response has arrived. What bounds the attempt now is its run's deadline, and the silence of the service.
    /// </summary>
    public void BeginResponse()
    {
        lock (_lock)
        {
            _responseBegan = true;
            SetTimeout(Deadline - Time.GetUtcNow());
        }
    }

    /// <summary>The response has begun, and nothing but the two sides bounds it.</summary>
    public void BeginUnboundedResponse()
    {
        lock (_lock)
        {
            _responseBegan = true;
            Volatile.Write(ref _timesOutAt, long.MaxValue);
        }
    }

    /// <summary>A response passes of which nothing is kept: time alone is no reason any more to store the run.</summary>
    public void StopStoringByTime() => Volatile.Write(ref _storeAt, long.MaxValue);

    /// <summary>Aborts the call to the service. Only the first reason counts.</summary>
    public void Interrupt(AttemptInterrupt reason)
    {
        lock (_lock)
        {
            if (_interrupt == AttemptInterrupt.None) _interrupt = reason;
        }

        Abort();
    }

    /// <summary>The client is told that its request is not durable.</summary>
    /// <returns><see langword="false"/> where the run is in the store, may be, or is being written.</returns>
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
    /// The sender of the request takes the run over: nobody else stores it after this. A write that is under way is waited for; a request
    /// that is still being taken in for it is not.
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

    /// <summary>Asks for the turn to write the run for the first time.</summary>
    /// <param name="asOwner">Whether the caller is who sent the request: it may repeat a write after <see cref="CloseAsync"/>.</param>
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

    /// <summary>The run is in the store, with this attempt in flight.</summary>
    internal void ConfirmRunning(long leaseEnd) => EndTurn(AttemptState.Running, leaseEnd).Complete(isStored: true);

    /// <summary>The run is in the store, and waits there.</summary>
    internal void ConfirmParked() => EndTurn(AttemptState.Parked).Complete(isStored: true);

    /// <summary>The run is in the store, and another attempt has it by now.</summary>
    internal void ConfirmLost()
    {
        EndTurn(AttemptState.Lost).Complete(isStored: true);
        Abort();
    }

    /// <summary>There is no whole request that could be stored.</summary>
    internal void RefuseStoring() => EndTurn(AttemptState.Unstorable).Complete(isStored: false);

    /// <summary>The write failed, and may be tried again.</summary>
    /// <param name="error">What the waiting callers get.</param>
    /// <param name="leaseEnd">
    /// The timestamp up to which the run, if it was written, is this attempt's; <see langword="null"/> where the write was to park it.
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

    /// <summary>The lease was renewed.</summary>
    internal void Renew(long leaseEnd)
    {
        lock (_lock)
        {
            if (_state == AttemptState.Running) _leaseEnd = leaseEnd;
        }
    }

    /// <summary>Another attempt owns the run, or it has ended. The call to the service is aborted.</summary>
    internal void Lose()
    {
        lock (_lock)
        {
            if (IsFinal(_state)) return;
            _state = AttemptState.Lost;
        }

        Abort();
    }

    /// <summary>What became of the attempt is decided.</summary>
    /// <param name="final">A final state.</param>
    /// <returns>The state before; <see langword="null"/> where it was decided already.</returns>
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
    /// Whether the attempt has taken too long at a timestamp. Asked for every attempt at every tick, so it takes no lock.
    /// </summary>
    internal bool IsLate(long timestamp) => timestamp >= Volatile.Read(ref _timesOutAt);

    /// <summary>What is to be done for the attempt now. What is taken is nobody else's until <see cref="EndWork"/>.</summary>
    /// <param name="timestamp">Now.</param>
    /// <param name="renewWithin">How long before its end a lease is renewed.</param>
    internal AttemptWork TakeWork(long timestamp, TimeSpan renewWithin)
    {
        if (timestamp < Volatile.Read(ref _workAt)) return AttemptWork.None;
        lock (_lock)
        {
            var work = _state switch
            {
                AttemptState.InMemory or AttemptState.Unconfirmed when !_isClosed && timestamp >= Volatile.Read(ref _storeAt) =>
                    AttemptWork.Store,
                AttemptState.Running when _leaseEnd is { } end && Time.GetElapsedTime(timestamp, end) < renewWithin =>
                    AttemptWork.RenewLease,
                _ => AttemptWork.None,
            };
            if (work != AttemptWork.None) Volatile.Write(ref _workAt, long.MaxValue);
            return work;
        }
    }

    /// <summary>What was taken is done, or is to be tried again after a pause.</summary>
    internal void EndWork(TimeSpan pause = default) => Volatile.Write(ref _workAt, After(Time.GetTimestamp(), pause));

    public void Dispose() => _cancellation.Dispose();

    private static bool IsFinal(AttemptState state) =>
        state is AttemptState.Parked or AttemptState.Ended or AttemptState.Passed or AttemptState.Dropped;

    private bool IsOrMayBeStored() =>
        _state is AttemptState.Running or AttemptState.Lost or AttemptState.Parked or AttemptState.Ended or AttemptState.Unconfirmed
        || (_state == AttemptState.Storing && _turn!.Repeats);

    /// <summary>A state that came in between, as that the run was lost, stays.</summary>
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
            // It has just ended by itself.
        }
    }

    private void SetTimeout(TimeSpan timeout) => Volatile.Write(ref _timesOutAt, After(Time.GetTimestamp(), timeout));

    private long After(long timestamp, TimeSpan time)
    {
        var ticks = Math.Max(0, time.TotalSeconds) * Time.TimestampFrequency;
        return ticks < long.MaxValue - timestamp ? timestamp + (long)ticks : long.MaxValue;
    }
}
