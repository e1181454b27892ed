namespace DurableGateway.Client;

/// <summary>The growth of the delay before the next try of a step.</summary>
public enum StepBackoff
{
    /// <summary>The delay doubles with each try.</summary>
    Exponential,

    /// <summary>The delay grows by the first delay with each try.</summary>
    Linear,

    /// <summary>The delay is constant.</summary>
    Constant,
}
