namespace DurableGateway.Client;

/// <summary>The run and the attempt of a request (§2 of the wire contract).</summary>
public sealed class RunInfo
{
    internal static readonly RunInfo None = new(null, 0);

    internal RunInfo(string? id, int attempt)
    {
        Id = id;
        Attempt = attempt;
    }

    /// <summary>The id of the run, a UUID in lower case; <see langword="null"/> if the request is not from a durable route.</summary>
    public string? Id { get; }

    /// <summary>1 for the first attempt, higher for replays, and 0 if the request is not from a durable route.</summary>
    public int Attempt { get; }

    /// <summary>Whether the request is from a durable route, so that outcomes are stored.</summary>
    public bool IsDurable => Id is not null;

    /// <summary>Whether this is a replay: an attempt after the first.</summary>
    public bool IsReplay => Attempt > 1;
}
