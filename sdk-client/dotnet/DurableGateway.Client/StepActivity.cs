using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>
/// Tracks which steps of an attempt are executing and which are parked, and so whether the handler can continue. A step is executing from
/// its start until its outcome is stored. It is parked if only a later attempt can get its outcome.
/// </summary>
internal sealed class StepActivity(DurableStepsOptions options)
{
    /// <summary>
    /// The wait is divided into intervals. A process that is suspended for longer than the whole wait loses only one or two intervals, and
    /// the handler can run before the others end.
    /// </summary>
    private const int Pieces = 10;

    /// <summary>The maximum of intervals to wait for branches that keep requesting steps although no further step starts.</summary>
    private const int MaxPieces = 10 * Pieces;

    /// <summary>The shortest period of a timer.</summary>
    private static readonly TimeSpan MinPiece = TimeSpan.FromMilliseconds(1);

    private static readonly TimeSpan MaxQuiet = TimeSpan.FromSeconds(5);

    private readonly object _lock = new();
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

    /// <summary>Whether the attempt is suspended. No step starts in it.</summary>
    public bool IsSuspended => _suspended;

    /// <summary>Whether any step of this attempt was parked.</summary>
    public bool HasParked
    {
        get
        {
            lock (_lock) return _hasParked;
        }
    }

    /// <summary>Whether a branch has not ended, and so may not have requested all of its steps.</summary>
    public bool HasOpenBranches
    {
        get
        {
            lock (_lock) return _leftBehind || _hasParked || _executing.Count > 0;
        }
    }

    /// <summary>Whether steps were executing when the handler ended.</summary>
    public bool HasLeftBehind
    {
        get
        {
            lock (_lock) return _leftBehind;
        }
    }

    /// <summary>The steps that are parked now.</summary>
    public string Parked
    {
        get
        {
            lock (_lock) return string.Join(", ", _parked.OrderBy(id => id, StringComparer.Ordinal));
        }
    }

    public void Enter(string id)
    {
        lock (_lock)
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
        lock (_lock)
        {
            // A parked branch got no outcome to continue with.
            if (_executing.Remove(id) && goesOn) _goingOn.Add(id);
            _parked.Remove(id);
            Signal();
        }
    }

    /// <summary>The branch that waited for a step has continued with its outcome, up to its next wait.</summary>
    public void WentOn(string id)
    {
        lock (_lock)
        {
            _goingOn.Remove(id);
            Signal();
        }
    }

    /// <summary>Notes that a branch is active outside of steps, and so has not ended.</summary>
    public void Touch()
    {
        lock (_lock) _begun++;
    }

    /// <summary>Parks a step until the attempt ends.</summary>
    /// <param name="id">The step.</param>
    /// <param name="parent">The callback that the step hands out, and that waits for the step.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="RunSuspendedException">The attempt has ended.</exception>
    public async Task ParkAsync(string id, string? parent, CancellationToken cancellationToken)
    {
        lock (_lock)
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
    /// Suspends the attempt and completes when the handler cannot continue: steps are parked, none is executing, and none has started
    /// for <see cref="DurableStepsOptions.SuspendAfter"/>.
    /// </summary>
    public async Task SuspendAsync(CancellationToken ended)
    {
        while (true)
        {
            await OnlyParkedAsync().ConfigureAwait(false);
            var begun = Begun;
            var pieces = 0;
            await EachPieceAsync(options.SuspendAfter, () => begun != _begun || ++pieces >= Pieces, ended).ConfigureAwait(false);
            ended.ThrowIfCancellationRequested();
            lock (_lock)
            {
                if (begun != _begun || _executing.Count > 0 || _parked.Count == 0) continue;
                _suspended = true;
                return;
            }
        }
    }

    /// <summary>Notes that a step did not start because the attempt is suspended.</summary>
    public void Refuse()
    {
        lock (_lock) _refused = true;
    }

    /// <summary>Revokes a suspension that nothing has observed, because the handler has ended on its own.</summary>
    public void EndByItself()
    {
        lock (_lock) _suspended &= _refused;
    }

    /// <summary>Ends the wait of the parked steps, so that <c>finally</c> blocks are executed.</summary>
    public void Release() => _released.TrySetResult(true);

    /// <summary>Completes when no step is executing.</summary>
    public Task DrainAsync()
    {
        lock (_lock)
        {
            if (_executing.Count == 0) return Task.CompletedTask;
            _leftBehind = true;
            _idle ??= new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    /// <summary>Completes when no step is executing and each branch has continued with its outcome.</summary>
    public Task GoneOnAsync()
    {
        lock (_lock)
        {
            if (_executing.Count + _goingOn.Count == 0) return Task.CompletedTask;
            if (_still is null or { Task.IsCompleted: true })
                _still = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _still.Task;
        }
    }

    /// <summary>Completes when the remaining branches have been inactive for a while.</summary>
    /// <param name="cancellationToken">Ends the wait when the branches are no longer needed.</param>
    public async Task QuietAsync(CancellationToken cancellationToken)
    {
        // Limit the wait for a handler with a long SuspendAfter, because the client waits for the failure.
        var wait = options.SuspendAfter < MaxQuiet ? options.SuspendAfter : MaxQuiet;
        var begun = Begun;
        int quiet = 0, waited = 0;
        await EachPieceAsync(wait, IsOver, cancellationToken).ConfigureAwait(false);

        bool IsOver()
        {
            quiet = begun == _begun ? quiet + 1 : 0;
            begun = _begun;
            return quiet >= Pieces || ++waited >= MaxPieces;
        }
    }

    /// <summary>Calls a function under the lock after each interval of a wait, until it returns true or the token is cancelled.</summary>
    private async Task EachPieceAsync(TimeSpan wait, Func<bool> isOver, CancellationToken cancellationToken)
    {
        var piece = new TimeSpan(Math.Max(MinPiece.Ticks, wait.Ticks / Pieces));
        var over = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var cancellation = cancellationToken.Register(() => over.TrySetResult(true));
        using var timer = options.StartTimer(Tick, piece);
        await over.Task.ConfigureAwait(false);

        void Tick()
        {
            lock (_lock)
            {
                if (isOver()) over.TrySetResult(true);
            }
        }
    }

    private long Begun
    {
        get
        {
            lock (_lock) return _begun;
        }
    }

    private Task OnlyParkedAsync()
    {
        lock (_lock)
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
