using System.Collections.Concurrent;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Signals the end of runs to waiting requests on this node.</summary>
internal sealed class RunEndNotifier(IHostApplicationLifetime lifetime, TimeProvider time)
{
    private readonly ConcurrentDictionary<RunId, Waiters> _waiting = new();

    /// <summary>Begins to wait. Call it before reading the store, so that an end in between is not missed.</summary>
    public Registration Register(RunId run)
    {
        while (true)
        {
            var waiters = _waiting.GetOrAdd(run, _ => new Waiters());
            if (waiters.TryJoin()) return new Registration(this, run, waiters);
        }
    }

    public bool IsEmpty => _waiting.IsEmpty;

    public void Signal(RunId run)
    {
        if (_waiting.TryGetValue(run, out var waiters)) waiters.Ended.TrySetResult();
    }

    private void Leave(RunId run, Waiters waiters)
    {
        if (waiters.Leave()) _waiting.TryRemove(KeyValuePair.Create(run, waiters));
    }

    internal sealed class Waiters
    {
        private int _count;

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Adds a waiter. Fails if the last one has just left and this object is being removed.</summary>
        public bool TryJoin()
        {
            lock (this)
            {
                if (_count < 0) return false;
                _count++;
                return true;
            }
        }

        public bool Leave()
        {
            lock (this)
            {
                if (--_count > 0) return false;
                _count = -1;
                return true;
            }
        }
    }

    /// <summary>
    /// Waits for the signal, a time-out, or the stop of this node. A signal can be lost, so the caller must read the store again.
    /// </summary>
    private async Task WaitAsync(Task signal, TimeSpan atMost, CancellationToken cancellation)
    {
        if (atMost <= TimeSpan.Zero) return;
        using var woken = CancellationTokenSource.CreateLinkedTokenSource(cancellation, lifetime.ApplicationStopping);
        await Task.WhenAny(signal, Task.Delay(atMost, time, woken.Token));
        await woken.CancelAsync();
        cancellation.ThrowIfCancellationRequested();
    }

    internal readonly struct Registration(RunEndNotifier owner, RunId run, Waiters waiters) : IDisposable
    {
        private static readonly Task Never = new TaskCompletionSource().Task;

        /// <summary>Whether the run's end was signalled.</summary>
        public bool HasEnded => waiters.Ended.Task.IsCompleted;

        /// <summary>Waits for the run's end, a time-out, or the stop of this node.</summary>
        /// <exception cref="OperationCanceledException">The caller has cancelled the wait.</exception>
        public Task WaitAsync(TimeSpan atMost, CancellationToken cancellation) =>
            owner.WaitAsync(waiters.Ended.Task, atMost, cancellation);

        /// <summary>
        /// The same, for a run whose end was already signalled. An operator may have restarted the run, and the caller must not poll the
        /// store without a pause.
        /// </summary>
        /// <exception cref="OperationCanceledException">The caller has cancelled the wait.</exception>
        public Task PauseAsync(TimeSpan atMost, CancellationToken cancellation) =>
            owner.WaitAsync(HasEnded ? Never : waiters.Ended.Task, atMost, cancellation);

        public void Dispose() => owner.Leave(run, waiters);
    }
}
