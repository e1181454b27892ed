using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Stores resumable event streams (<c>Durable-Stream: resume</c>).</summary>
internal interface IStreamStore
{
    /// <summary>Adds events to the stream of the run that the attempt owns.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="head">Status and headers of the response. Given with the first events.</param>
    /// <param name="events">The events. Events with an id that is already stored are skipped.</param>
    /// <param name="maxBytes">The maximum size of the stream.</param>
    /// <exception cref="StoreUnavailableException">The store is unavailable.</exception>
    Task<StreamVerdict> AppendAsync(AttemptKey attempt, StoredResponse? head, IReadOnlyList<StreamEvent> events, long maxBytes);

    /// <summary>Status and headers of the stream; <see langword="null"/> if the run has no stream.</summary>
    Task<StoredResponse?> GetHeadAsync(RunId run);

    /// <summary>The index of the event after the given one; 0 if the given one is unknown.</summary>
    Task<long> FindAsync(RunId run, string id);

    /// <summary>Some of the events, in order.</summary>
    Task<IReadOnlyList<ReadOnlyMemory<byte>>> ReadAsync(RunId run, long from, int limit);

    /// <summary>Makes a complete stream expire with its run. Adding events to it reverses this.</summary>
    Task ExpireAsync(RunId run, TimeSpan retention);

    /// <summary>The whole stream.</summary>
    Task<ReadOnlyMemory<byte>> ReadAllAsync(RunId run);
}
