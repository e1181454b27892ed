namespace DurableGateway.Client;

/// <summary>How the delay before a step's next try grows.</summary>
public enum StepBackoff
{
    /// <summary>It doubles with each try.</summary>
    Exponential,

    /// <summary>It grows by the first delay with each try.</summary>
    Linear,

    /// <summary>It is always the first delay.</summary>
    Constant,
}
