namespace DurableGateway.Runs;

/// <summary>
/// The store did not answer. What was asked may or may not have happened. The message is for the log and for operators: it may name
/// servers and the client library's state. Clients and services get <see cref="Detail"/>.
/// </summary>
internal sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What was asked may have happened: it was sent, and no answer came.</summary>
    public bool MayHaveHappened { get; init; }

    /// <summary>The store works, but too few replicas confirm what it writes (<c>Durable:Store:MinReplicas</c>).</summary>
    public bool ReplicasAreMissing { get; init; }

    /// <summary>A large call took too long, or waited too long for its turn. Small calls may succeed.</summary>
    public bool CarriesMuch { get; init; }

    /// <summary>The embedded store works, and has no room for what was to be written (<c>Durable:Store:MaxBytes</c>).</summary>
    public bool IsFull { get; init; }

    /// <summary>What clients and services are told: nothing of the store itself.</summary>
    public string Detail => IsFull
        ? "The store is full and did not take the call. It has room again when results that are kept have expired; repeat the call later."
        : MayHaveHappened
        ? "The store did not confirm the call in time. The call may have taken effect; repeat it."
        : "The store did not take the call. Repeat it.";
}
