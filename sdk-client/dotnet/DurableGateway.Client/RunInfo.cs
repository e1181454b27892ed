namespace DurableGateway.Client;

/// <summary>Which run and attempt a request is (§2 of the wire contract).</summary>
public sealed class RunInfo
{
    internal static readonly RunInfo None = new(null, 0);

    internal RunInfo(string? id, int attempt)
    {
        Id = id;
        Attempt = attempt;
    }

    /// <summary>The run's id, a UUID in lower case; <see langword="null"/> where the request did not come by a durable route.</summary>
    public string? Id { get; }

    /// <summary>1 for the first attempt; higher for replays. 0 where the request did not come by a durable route.</summary>
    public int Attempt { get; }

    /// <summary>Whether the request came by a durable route, so that outcomes are stored.</summary>
    public bool IsDurable => Id is not null;

    /// <summary>Whether this is a replay: an attempt after the first.</summary>
    public bool IsReplay => Attempt > 1;
}
