namespace DurableGateway.Runs;

/// <summary>A request's idempotency key stands for another run, which is to be answered in its place.</summary>
internal sealed class IdempotencyKeyTakenException(TakenKey taken) : Exception("The idempotency key stands for another run.")
{
    public TakenKey Taken { get; } = taken;
}
