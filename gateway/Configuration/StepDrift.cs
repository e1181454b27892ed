namespace DurableGateway.Configuration;

/// <summary>What happens to a call of a replay that differs from the remembered calls to the same target only in its body.</summary>
internal enum StepDrift
{
    /// <summary>It is answered with the next outcome, in order.</summary>
    Remember,

    /// <summary>It is made, as a new step.</summary>
    Execute,

    /// <summary>It is refused, and the run fails.</summary>
    Fail,
}
