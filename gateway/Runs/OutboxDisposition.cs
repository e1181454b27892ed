namespace DurableGateway.Runs;

/// <summary>What becomes of an outbox entry that a handler has seen.</summary>
internal readonly record struct OutboxDisposition
{
    /// <summary>The work is done: the entry leaves the outbox.</summary>
    public static OutboxDisposition Done { get; } = new() { IsDone = true };

    /// <summary>
    /// The handler goes on with the work, or it is not to be done yet. Another node may take the entry when it is due again.
    /// </summary>
    public static OutboxDisposition Kept { get; }

    public bool IsDone { get; private init; }

    /// <summary>When to try again; <see langword="null"/> where the entry is <see cref="Done"/> or <see cref="Kept"/>.</summary>
    public DateTimeOffset? RetryAt { get; private init; }

    /// <summary>The work could not be done: it is due again at a time.</summary>
    public static OutboxDisposition Retry(DateTimeOffset at) => new() { RetryAt = at };
}
