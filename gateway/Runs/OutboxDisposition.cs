namespace DurableGateway.Runs;

/// <summary>What happens to an outbox entry after a handler has processed it.</summary>
internal readonly record struct OutboxDisposition
{
    /// <summary>The work is done. The entry leaves the outbox.</summary>
    public static OutboxDisposition Done { get; } = new() { IsDone = true };

    /// <summary>
    /// The handler continues the work, or the work is not due yet. Another node can take the entry when it is due again.
    /// </summary>
    public static OutboxDisposition Kept { get; }

    public bool IsDone { get; private init; }

    /// <summary>When to try again; <see langword="null"/> if the entry is <see cref="Done"/> or <see cref="Kept"/>.</summary>
    public DateTimeOffset? RetryAt { get; private init; }

    /// <summary>The work failed. The entry is due again at a time.</summary>
    public static OutboxDisposition Retry(DateTimeOffset at) => new() { RetryAt = at };
}
