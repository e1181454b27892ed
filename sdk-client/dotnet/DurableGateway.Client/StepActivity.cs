using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>
/// Which steps of an attempt are executing and which are parked, and so whether the handler can go on. A step is executing from its
/// beginning until its outcome is known, its checkpoint included. It is parked while its outcome belongs to a later attempt.
/// </summary>
internal sealed class StepActivity(DurableStepsOptions options)
{
    /// <summary>
    /// The time is measured in pieces. A process that stands still for longer than all of it loses one piece, and the handler gets its turn
    /// before the next one is over. It is real time: a test's clock that stands still would hold each attempt for ever.
    /// </summary>
    private const int Pieces = 10;

    /// <summary>How many pieces are waited for branches that ask for steps again and again though they get none any more.</summary>
    private const int MaxPieces = 10 * Pieces;

    private static readonly TimeSpan MaxQuiet = TimeSpan.FromSeconds(5);

    private readonly object _gate = new();
    private readonly HashSet<string> _executing = new(StringComparer.Ordinal);
    private readonly HashSet<string> _parked = new(StringComparer.Ordinal);
    private readonly HashSet<string> _goingOn = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource<bool> _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<bool>? _idle;
    private TaskCompletionSource<bool>? _still;
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

    /// <summary>Whether steps were executing when the handler ended.</summary>
    public bool HasLeftBehind
    {
        get
        {
            lock (_gate) return _leftBehind;
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

    /// <summary>The step's outcome is known.</summary>
    /// <param name="id">The step.</param>
    /// <param name="goesOn">Whether <see cref="WentOn"/> will follow.</param>
    public void Leave(string id, bool goesOn)
    {
        lock (_gate)
        {
            // Who was parked has nothing to go on with.
            if (_executing.Remove(id) && goesOn) _goingOn.Add(id);
            _parked.Remove(id);
            Signal();
        }
    }

    /// <summary>The branch that waited for a step has gone on with its outcome, up to its next wait.</summary>
    public void WentOn(string id)
    {
        lock (_gate)
        {
            _goingOn.Remove(id);
            Signal();
        }
    }

    /// <summary>A branch does something that is no step, and so it is not at its end.</summary>
    public void Touch()
    {
        lock (_gate) _begun++;
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

    /// <summary>Completes when, moreover, each branch has gone on with the outcome that it has got.</summary>
    public Task GoneOnAsync()
    {
        lock (_gate)
        {
            if (_executing.Count + _goingOn.Count == 0) return Task.CompletedTask;
            if (_still is null or { Task.IsCompleted: true })
                _still = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _still.Task;
        }
    }

    /// <summary>Completes when no branch that was left behind has done anything for a while.</summary>
    /// <param name="cancellationToken">Ends the wait: nobody needs the branches any more.</param>
    public async Task QuietAsync(CancellationToken cancellationToken)
    {
        // A handler that may work for hours between its steps is not waited for that long: its failure is the answer.
        var piece = new TimeSpan(Math.Max(1, Math.Min(options.SuspendAfter.Ticks, MaxQuiet.Ticks) / Pieces));
        var begun = Begun;
        for (int quiet = 0, waited = 0; quiet < Pieces && waited < MaxPieces; quiet++, waited++)
        {
            if (cancellationToken.IsCancellationRequested) return;
            await Task.WhenAny(Task.Delay(piece, cancellationToken)).ConfigureAwait(false);
            if (begun == Begun) continue;
            begun = Begun;
            quiet = -1;
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
        if (_goingOn.Count == 0) _still?.TrySetResult(true);
        if (_parked.Count > 0) _onlyParked?.TrySetResult(true);
    }
}
