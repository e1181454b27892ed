using System.Diagnostics;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Why an attempt was ended from outside.</summary>
internal enum AttemptInterrupt
{
    None,
    TimedOut,

    /// <summary>Its lease is gone: a later attempt owns the run, or the run was cancelled.</summary>
    Lost,
    ResponseTooLarge,
    Shutdown,

    /// <summary>The client has left a conversation, which is over thereby; any other run goes on.</summary>
    ClientGone,
}

/// <summary>
/// An attempt that is in flight on this node. A live one begins in memory only and reaches the store at most once, by
/// whichever of its triggers comes first; a replay is stored from the start.
/// </summary>
internal sealed class Attempt : IDisposable
{
    private readonly object _lock = new();
    private readonly CancellationTokenSource _cancellation = new();
    private readonly Func<CancellationToken, Task<NewRun?>>? _prepare;
    private Task<bool>? _storing;
    private CancellationTokenSource? _preparing;
    private bool _closed;
    private long _leaseEnd;
    private long _timesOutAt = long.MaxValue;
    private bool _responseBegan;
    private long _unconfirmedLeaseEnd;
    private int _interrupt;

    /// <param name="key">Who this is.</param>
    /// <param name="policy">The policy that the run started under.</param>
    /// <param name="route">The id of the route.</param>
    /// <param name="startedAt">The start of the run.</param>
    /// <param name="began">The timestamp at which this attempt began.</param>
    /// <param name="prepare">Makes the record of a run that is not stored yet, or nothing where there is no whole request.</param>
    public Attempt(AttemptKey key, RunPolicy policy, string route, DateTimeOffset startedAt, long began, Func<CancellationToken, Task<NewRun?>>? prepare = null)
    {
        Key = key;
        Policy = policy;
        Route = route;
        StartedAt = startedAt;
        Began = began;
        _prepare = prepare;
        IsStored = prepare is null;
    }

    public AttemptKey Key { get; }
    public RunId Run => Key.Run;
    public RunPolicy Policy { get; }
    public string Route { get; }
    public DateTimeOffset StartedAt { get; }
    public DateTimeOffset Deadline => StartedAt + Policy.RunTimeout;
    public long Began { get; }
    public bool IsReplay => _prepare is null;

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

    /// <summary>The request and where it went, for the log.</summary>
    public string Describe() => RequestLine.Of(Request.Method, Request.Target, Destination);

    /// <summary>For the run's history: how the attempt ended, and where it had gone.</summary>
    public AttemptNote Note(string reason, int status = 0) => new(reason, status, Destination);

    /// <summary>For the run's history: how the attempt failed, and where it had gone.</summary>
    public AttemptNote Note(AttemptFailure failure) => Note(failure.Reason, failure.Status);

    /// <summary>The build of the service whose steps the run has, where it is known and wanted.</summary>
    public string? Build { get; set; }

    /// <summary>Whether outcomes may be put into its headers; not where the service has refused them once.</summary>
    public bool InlinesSteps { get; init; } = true;

    /// <summary>The last event of its stream that is kept, where it can be resumed.</summary>
    public string? LastEventId { get; init; }

    /// <summary>Failed attempts before this one, as far as is known here. The store has the last word.</summary>
    public int Failures { get; init; }

    /// <summary>When the attempts before this one began to find no service; <see langword="null"/> where the last of them found it.</summary>
    public DateTimeOffset? UnreachableSince { get; init; }

    /// <summary>How long the attempt may take to the head of its response, from <see cref="StartClock"/>. After that the deadline of its run counts.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>Whether the run is in the store, and this attempt under a lease.</summary>
    public bool IsStored { get; private set; }

    /// <summary>A response has begun that is not kept: from here on, time alone is no reason to store the run.</summary>
    public bool IsStreamingUnstored { get; set; }

    /// <summary>
    /// The write of the run was sent, and no answer came: it may be in the store, and must not be left there as if in flight.
    /// </summary>
    public bool MayBeStored { get; private set; }

    /// <summary>There is no whole request that could be stored, or it has been said that it is not.</summary>
    public bool CannotBeStored { get; private set; }

    /// <summary>The store refused a checkpoint of this attempt: what comes of it is not the service's failure.</summary>
    public bool StoreFailed { get; set; }

    /// <summary>What became of the attempt is decided and stored: nothing is to be watched any more.</summary>
    public bool IsSettled { get; set; }

    /// <summary>What failed for want of the store is not tried again before this timestamp.</summary>
    public long NotBefore { get; set; }

    /// <summary>The service has the whole request: from here on it may be late. No effect once a response has begun.</summary>
    public void StartClock(TimeProvider time)
    {
        lock (_lock)
        {
            if (!_responseBegan) SetTimeout(time, Timeout);
        }
    }

    /// <summary>The head of the response has arrived. What bounds the attempt now is its run's deadline, and the silence of the service.</summary>
    public void BeginResponse(TimeProvider time)
    {
        lock (_lock)
        {
            _responseBegan = true;
            SetTimeout(time, Deadline - time.GetUtcNow());
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

    /// <summary>Whether the attempt has taken too long at a timestamp. Asked for every attempt at every tick, so it takes no lock.</summary>
    public bool IsLate(long timestamp) => timestamp >= Volatile.Read(ref _timesOutAt);

    public CancellationToken Aborted => _cancellation.Token;
    public AttemptInterrupt Interrupted => (AttemptInterrupt)Volatile.Read(ref _interrupt);

    /// <summary>The timestamp up to which the lease is known to hold, by this node's own clock.</summary>
    public long LeaseEnd
    {
        get => Volatile.Read(ref _leaseEnd);
        set => Volatile.Write(ref _leaseEnd, value);
    }

    /// <summary>The timestamp up to which the run, where it <see cref="MayBeStored"/>, is this attempt's; 0 where the write got an answer, or was not sent.</summary>
    public long UnconfirmedLeaseEnd
    {
        get => Volatile.Read(ref _unconfirmedLeaseEnd);
        set => Volatile.Write(ref _unconfirmedLeaseEnd, value);
    }

    /// <summary>Aborts the call to the service. Only the first reason counts.</summary>
    public void Interrupt(AttemptInterrupt reason)
    {
        if (Interlocked.CompareExchange(ref _interrupt, (int)reason, (int)AttemptInterrupt.None) != (int)AttemptInterrupt.None) return;
        try
        {
            _cancellation.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has just ended by itself.
        }
    }

    /// <summary>
    /// Makes sure that the run is stored. Callers that come together share one write; a write that failed may be tried again.
    /// </summary>
    /// <returns><see langword="false"/> where the attempt is over, or the request never arrived whole.</returns>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public Task<bool> EnsureStoredAsync(Func<NewRun, Task> write)
    {
        lock (_lock)
        {
            if (IsStored) return Task.FromResult(true);
            if (CannotBeStored) return Task.FromResult(false);
            if (_storing is { IsCompleted: false }) return _storing;
            return _closed ? Task.FromResult(false) : _storing = StoreAsync(write);
        }
    }

    /// <summary>The run is not to be stored any more.</summary>
    /// <returns><see langword="false"/> where it is in the store, or may be.</returns>
    public bool TryKeepOutOfStore()
    {
        lock (_lock)
        {
            if (IsStored || MayBeStored || _storing is { IsCompleted: false }) return false;
            return CannotBeStored = true;
        }
    }

    /// <summary>Says again what was said without an answer, also after <see cref="CloseAsync"/>.</summary>
    public Task<bool> RepeatStoreAsync(Func<NewRun, Task> write) => IsStored ? Task.FromResult(true) : StoreAsync(write);

    /// <summary>
    /// Nothing stores the run behind the caller's back after this. A write that is under way is waited for; a request
    /// that is still being taken in for it is not.
    /// </summary>
    public async Task CloseAsync()
    {
        Task<bool>? storing;
        lock (_lock)
        {
            _closed = true;
            storing = _storing;
            if (storing is { IsCompleted: false }) _preparing?.Cancel();
        }

        if (storing is { IsCompleted: false }) await ((Task)storing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _cancellation.Dispose();

    private async Task<bool> StoreAsync(Func<NewRun, Task> write)
    {
        using var preparing = _preparing = new CancellationTokenSource();

        // Off the caller's lock: what follows may complete synchronously.
        await Task.Yield();
        NewRun? run;
        try
        {
            run = await _prepare!(preparing.Token);
        }
        finally
        {
            lock (_lock) _preparing = null;
        }

        if (run is null)
        {
            CannotBeStored = true;
            return false;
        }

        try
        {
            await write(run);
        }
        catch (StoreUnavailableException e) when (e.MayHaveHappened)
        {
            MayBeStored = true;
            throw;
        }

        lock (_lock) IsStored = true;
        return true;
    }

    private void SetTimeout(TimeProvider time, TimeSpan timeout)
    {
        var ticks = Math.Max(0, timeout.TotalSeconds) * time.TimestampFrequency;
        var start = time.GetTimestamp();
        Volatile.Write(ref _timesOutAt, ticks < long.MaxValue - start ? start + (long)ticks : long.MaxValue);
    }
}
