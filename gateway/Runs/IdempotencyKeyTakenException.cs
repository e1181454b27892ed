namespace DurableGateway.Runs;

/// <summary>A request's idempotency key belongs to another run, which the gateway answers with instead.</summary>
internal sealed class IdempotencyKeyTakenException(TakenKey taken) : Exception("The idempotency key belongs to another run.")
{
    public TakenKey Taken { get; } = taken;
}
