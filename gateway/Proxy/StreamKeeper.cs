using DurableGateway.Http;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>
/// Stores the events of a resumable response, and sends each to the client, if there is one, after it is stored: a client never sees an
/// event that the run does not have. An attempt that repeats events of an earlier attempt adds nothing.
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

        // An incomplete event is in memory only, and the store does not count it.
        if (_splitter.Pending > feature.Attempt.Policy.MaxResponseBytes) throw TooLarge();
        await KeepAsync([.. events.Where(one => one.HasData).Select(one => one.Event)]);
        if (client is null) return;

        // A client that has disconnected may resume, so the run continues without it.
        foreach (var one in events) await client.WriteAsync(one.Event.Bytes, cancellationToken);
        if (events.Count > 0) await client.FlushAsync(cancellationToken);
    }

    /// <summary>Stores the head of the stream.</summary>
    /// <returns><see langword="false"/> if it could not be stored. The attempt has then failed.</returns>
    public Task<bool> TryBeginAsync() => TryKeepAsync([]);

    /// <summary>Stores the rest of the response as it is, when the service has ended it in the middle of an event.</summary>
    /// <returns><see langword="false"/> if it could not be stored. The attempt has then failed.</returns>
    public async Task<bool> TryCompleteAsync()
    {
        var rest = _splitter.Rest;
        if (!await TryKeepAsync(rest.IsEmpty ? [] : [new StreamEvent("", rest)])) return false;

        // The run ends even if its client has disconnected.
        if (!rest.IsEmpty && client is not null) await client.WriteAsync(rest);
        return true;
    }

    /// <summary>Reads the whole stream, which from now on expires with its run.</summary>
    /// <exception cref="StoreUnavailableException">The store is unavailable. The call can be repeated.</exception>
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
            // If the answer is lost, a call that adds an event without an id is not repeated, because it could add the event twice.
            verdict = await StoreRetry.RepeatAsync(
                () => store.AppendAsync(attempt.Key, _begun ? null : head, events, attempt.Policy.MaxResponseBytes), time, Patience,
                goOn: error => !error.MayHaveHappened || events.All(one => one.Id.Length > 0));
        }
        catch (StoreUnavailableException e)
        {
            // An unavailable store is not a failure of the service. The run is claimed again later.
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
