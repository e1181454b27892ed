namespace DurableGateway.Runs;

/// <summary>
/// The store did not answer. The call may have taken effect. The message is for the log and for operators, because it can contain server
/// names and the state of the client library. Clients and services get <see cref="Detail"/>.
/// </summary>
internal sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the call may have taken effect: it was sent, but got no answer.</summary>
    public bool MayHaveHappened { get; init; }

    /// <summary>Whether the store is available, but too few replicas confirm writes (<c>Durable:Store:MinReplicas</c>).</summary>
    public bool ReplicasAreMissing { get; init; }

    /// <summary>Whether a large call took too long, or waited too long for its turn. Small calls may succeed.</summary>
    public bool CarriesMuch { get; init; }

    /// <summary>Whether the embedded store is too full for the write (<c>Durable:Store:MaxBytes</c>).</summary>
    public bool IsFull { get; init; }

    /// <summary>The message for clients and services, without details of the store.</summary>
    public string Detail => IsFull
        ? "The store is full and did not accept the call. Space becomes free when stored results expire. Repeat the call later."
        : MayHaveHappened
        ? "The store did not confirm the call in time. The call may have taken effect. Repeat it."
        : "The store did not accept the call. Repeat it.";
}
