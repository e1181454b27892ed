using System.Collections.Concurrent;
using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Those who wait on this node for a run to end, and the signal that wakes them.</summary>
internal sealed class RunEndNotifier
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

    internal readonly struct Registration(RunEndNotifier owner, RunId run, Waiters waiters) : IDisposable
    {
        /// <summary>Completes when the run's end is signalled. A signal may be lost: ask the store again in the end.</summary>
        public Task Ended => waiters.Ended.Task;

        public void Dispose() => owner.Leave(run, waiters);
    }
}
