using DurableGateway.Http;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>
/// Keeps the events of a response that can be resumed, and lets each go on to the client, if there is one, once it is kept: what a client
/// has seen, the run has. An attempt that repeats what an earlier one has sent adds nothing.
/// </summary>
internal sealed class StreamKeeper(
    IStreamStore store, AttemptFeature feature, StoredResponse head, ClientStream? client, TimeProvider time) : WriteOnlyStream
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly EventSplitter _splitter = new();
    private bool _begun;

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var events = _splitter.Take(buffer.Span);

        // What has no end yet is in memory alone, and counted by nobody else.
        if (_splitter.Pending > feature.Attempt.Policy.MaxResponseBytes) throw TooLarge();
        await KeepAsync([.. events.Where(one => one.HasData).Select(one => one.Event)]);
        if (client is null) return;

        // A client that has left may come back: the run goes on without it.
        foreach (var one in events) await client.WriteAsync(one.Event.Bytes, cancellationToken);
        if (events.Count > 0) await client.FlushAsync(cancellationToken);
    }

    /// <summary>The run is told that it has a stream.</summary>
    /// <returns><see langword="false"/> where that could not be kept: the attempt has failed by that.</returns>
    public Task<bool> TryBeginAsync() => TryKeepAsync([]);

    /// <summary>The service has ended its response: what it left without an end is kept as it is.</summary>
    /// <returns><see langword="false"/> where it could not be kept: the attempt has failed by that, as by any other event.</returns>
    public async Task<bool> TryCompleteAsync()
    {
        var rest = _splitter.Rest;
        if (!await TryKeepAsync(rest.IsEmpty ? [] : [new StreamEvent("", rest)])) return false;

        // A client that has left is no reason not to end the run.
        if (!rest.IsEmpty && client is not null) await client.WriteAsync(rest);
        return true;
    }

    /// <summary>The whole stream, which goes with its run from now on.</summary>
    /// <exception cref="StoreUnavailableException">The store is away. It can be asked again.</exception>
    public async Task<ReadOnlyMemory<byte>> ReadAsync()
    {
        await store.ExpireAsync(feature.Attempt.Run, feature.Attempt.Policy.Retention);
        return await store.ReadAllAsync(feature.Attempt.Run);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => client?.FlushAsync(cancellationToken) ?? Task.CompletedTask;

    private async Task<bool> TryKeepAsync(IReadOnlyList<StreamEvent> events)
    {
        try
        {
            await KeepAsync(events);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task KeepAsync(IReadOnlyList<StreamEvent> events)
    {
        if (_begun && events.Count == 0) return;
        var attempt = feature.Attempt;
        StreamVerdict verdict;
        try
        {
            // A call whose answer was lost is not repeated with an event that has no id: it would be there twice.
            verdict = await StoreRetry.RepeatAsync(
                () => store.AppendAsync(attempt.Key, _begun ? null : head, events, attempt.Policy.MaxResponseBytes), time, Patience,
                goOn: error => !error.MayHaveHappened || events.All(one => one.Id.Length > 0));
        }
        catch (StoreUnavailableException e)
        {
            // That the store is away is not the service's failure; the run is taken up again.
            attempt.NoteCheckpoint(isStored: false);
            feature.Outcome = AttemptOutcome.Failed;
            throw new IOException(e.Message, e);
        }

        if (verdict == StreamVerdict.Full) throw TooLarge();
        if (verdict == StreamVerdict.Lost)
        {
            attempt.Lose();
            throw new IOException("Another attempt owns the run.");
        }

        _begun = true;
    }

    private IOException TooLarge()
    {
        feature.Attempt.Interrupt(AttemptInterrupt.ResponseTooLarge);
        return new IOException("The stream is larger than the policy allows.");
    }
}
