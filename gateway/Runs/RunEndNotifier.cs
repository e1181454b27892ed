using System.Collections.Concurrent;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Signals the end of runs to those that wait for it on this node.</summary>
internal sealed class RunEndNotifier(IHostApplicationLifetime lifetime, TimeProvider time)
{
    private readonly ConcurrentDictionary<RunId, Waiters> _waiting = new();

    /// <summary>Begins to wait. To be called before the store is asked, so that no end can slip in between.</summary>
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

        /// <summary>Fails where the last one has just left, and this object is on its way out.</summary>
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
    /// Waits until the signal has come, a time is over, or this node stops. A signal may be lost, so the store is to be asked again.
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

        /// <summary>Waits for the run's end, for a time at most, and no longer than this node goes on.</summary>
        /// <exception cref="OperationCanceledException">Whoever waits has gone.</exception>
        public Task WaitAsync(TimeSpan atMost, CancellationToken cancellation) =>
            owner.WaitAsync(waiters.Ended.Task, atMost, cancellation);

        /// <summary>
        /// The same, but for a run whose end was signalled before the call: an operator may have set it going again, and it is not to be
        /// asked for without a pause.
        /// </summary>
        /// <exception cref="OperationCanceledException">Whoever waits has gone.</exception>
        public Task PauseAsync(TimeSpan atMost, CancellationToken cancellation) =>
            owner.WaitAsync(HasEnded ? Never : waiters.Ended.Task, atMost, cancellation);

        public void Dispose() => owner.Leave(run, waiters);
    }
}
