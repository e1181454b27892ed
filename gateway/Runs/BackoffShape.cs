namespace DurableGateway.Runs;

/// <summary>How the delay between tries grows.</summary>
internal enum BackoffShape
{
    Exponential,
    Linear,
    Constant,
}
