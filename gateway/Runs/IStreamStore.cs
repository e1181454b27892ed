using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Keeps the event streams of services that let clients resume them (<c>Durable-Stream: resume</c>).</summary>
internal interface IStreamStore
{
    /// <summary>Adds events to the stream of the run that the attempt owns.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="head">Status and headers, with the first events.</param>
    /// <param name="events">The events; those whose id is kept already are passed over.</param>
    /// <param name="maxBytes">The most bytes that the stream may have.</param>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    Task<StreamVerdict> AppendAsync(AttemptKey attempt, StoredResponse? head, IReadOnlyList<StreamEvent> events, long maxBytes);

    /// <summary>Status and headers of the stream; <see langword="null"/> where the run has none.</summary>
    Task<StoredResponse?> GetHeadAsync(RunId run);

    /// <summary>Where the events after one begin; 0 where that one is unknown.</summary>
    Task<long> FindAsync(RunId run, string id);

    /// <summary>Some of the events, in order.</summary>
    Task<IReadOnlyList<ReadOnlyMemory<byte>>> ReadAsync(RunId run, long from, int limit);

    /// <summary>Lets a stream that is complete go with its run; one that is added to after all is kept as before.</summary>
    Task ExpireAsync(RunId run, TimeSpan retention);

    /// <summary>The whole stream.</summary>
    Task<ReadOnlyMemory<byte>> ReadAllAsync(RunId run);
}
