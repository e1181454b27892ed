using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>
/// Which steps of an attempt are executing and which are parked, and so whether the handler can go on. A step is executing from its beginning
/// until its outcome is known, its checkpoint included. It is parked while its outcome belongs to a later attempt.
/// </summary>
internal sealed class StepActivity(DurableStepsOptions options)
{
    /// <summary>
    /// The time is measured in pieces. A process that stands still for longer than all of it loses one piece, and the handler gets its turn
    /// before the next one is over. It is real time: a test's clock that stands still would hold each attempt for ever.
    /// </summary>
    private const int Pieces = 10;

    private readonly object _gate = new();
    private readonly HashSet<string> _executing = new(StringComparer.Ordinal);
    private readonly HashSet<string> _parked = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource<bool> _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<bool>? _idle;
    private TaskCompletionSource<bool>? _onlyParked;
    private long _begun;
    private bool _hasParked;
    private bool _refused;
    private bool _leftBehind;
    private volatile bool _suspended;

    /// <summary>Whether the attempt has been suspended: nothing new begins in it.</summary>
    public bool IsSuspended => _suspended;

    /// <summary>Whether any step of this attempt was parked.</summary>
    public bool HasParked
    {
        get
        {
            lock (_gate) return _hasParked;
        }
    }

    /// <summary>Whether a branch has not come to its end: it may not have asked for all of its steps.</summary>
    public bool HasOpenBranches
    {
        get
        {
            lock (_gate) return _leftBehind || _hasParked || _executing.Count > 0;
        }
    }

    /// <summary>The steps that are parked now.</summary>
    public string Parked
    {
        get
        {
            lock (_gate) return string.Join(", ", _parked.OrderBy(id => id, StringComparer.Ordinal));
        }
    }

    public void Enter(string id)
    {
        lock (_gate)
        {
            _begun++;
            _executing.Add(id);
        }
    }

    public void Leave(string id)
    {
        lock (_gate)
        {
            _executing.Remove(id);
            _parked.Remove(id);
            Signal();
        }
    }

    /// <summary>Waits for what comes in a later attempt: until this one is over.</summary>
    /// <param name="id">The step.</param>
    /// <param name="parent">The callback that the step hands out: it waits for the step.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="RunSuspendedException">The attempt is over.</exception>
    public async Task ParkAsync(string id, string? parent, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _hasParked = true;
            if (_executing.Remove(id)) _parked.Add(id);
            if (parent is not null && _executing.Remove(parent)) _parked.Add(parent);
            Signal();
        }

        var given = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        using (cancellationToken.Register(() => given.TrySetResult(true)))
            await Task.WhenAny(_released.Task, given.Task).ConfigureAwait(false);
        if (!_released.Task.IsCompleted) cancellationToken.ThrowIfCancellationRequested();
        throw new RunSuspendedException(id);
    }

    /// <summary>
    /// Suspends the attempt, and completes, when the handler cannot go on: steps are parked, none is executing, and none has begun
    /// for the time of <see cref="DurableStepsOptions.SuspendAfter"/>.
    /// </summary>
    public async Task SuspendAsync(CancellationToken ended)
    {
        var piece = new TimeSpan(Math.Max(1, options.SuspendAfter.Ticks / Pieces));
        while (true)
        {
            await OnlyParkedAsync().ConfigureAwait(false);
            var begun = Begun;
            for (var i = 0; i < Pieces && begun == Begun; i++) await Task.Delay(piece, ended).ConfigureAwait(false);
            lock (_gate)
            {
                if (begun != _begun || _executing.Count > 0 || _parked.Count == 0) continue;
                _suspended = true;
                return;
            }
        }
    }

    /// <summary>Notes that a step did not begin because the attempt is suspended.</summary>
    public void Refuse()
    {
        lock (_gate) _refused = true;
    }

    /// <summary>The handler has ended before anybody was told of the suspension: its own end counts.</summary>
    public void EndByItself()
    {
        lock (_gate) _suspended &= _refused;
    }

    /// <summary>Ends the wait of the parked steps, so that code which must run when they are left does run.</summary>
    public void Release() => _released.TrySetResult(true);

    /// <summary>Completes when no step is executing.</summary>
    public Task DrainAsync()
    {
        lock (_gate)
        {
            if (_executing.Count == 0) return Task.CompletedTask;
            _leftBehind = true;
            _idle ??= new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    private long Begun
    {
        get
        {
            lock (_gate) return _begun;
        }
    }

    private Task OnlyParkedAsync()
    {
        lock (_gate)
        {
            if (_executing.Count == 0 && _parked.Count > 0) return Task.CompletedTask;
            if (_onlyParked is null or { Task.IsCompleted: true })
                _onlyParked = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _onlyParked.Task;
        }
    }

    private void Signal()
    {
        if (_executing.Count > 0) return;
        _idle?.TrySetResult(true);
        if (_parked.Count > 0) _onlyParked?.TrySetResult(true);
    }
}
